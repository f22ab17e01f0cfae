"""Notebooks in a real browser: JupyterLab and Voila on a free port, Chromium through Playwright.

Fixtures for whichever test imports them; they are skipped where there is no Chromium. Notebooks are
copied before they are opened, as JupyterLab saves what it runs; the copy names the kernel, which
ours leave open, so that nobody is asked.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from src.experiments import ROOT

TOKEN = "in-tests"
WIDE = {"width": 1280, "height": 1420}  # pixels
NEWS = "lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
START_SECONDS, RUN_SECONDS = 90, 300  # at most, on a busy machine


class Lab:
    """A running JupyterLab."""

    def __init__(self, browser, url: str, folder: Path):
        self.browser, self.url, self.folder = browser, url, folder

    def open(self, notebook: Path):
        """A page with a copy of the notebook, its kernel started; what it logs is in page.said."""
        copied = json.loads(notebook.read_text(encoding="utf-8"))
        copied["metadata"]["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        (self.folder / notebook.name).write_text(json.dumps(copied), encoding="utf-8")
        page = new_page(self.browser)
        page.goto(f"{self.url}/lab/tree/{notebook.name}?token={TOKEN}&reset")
        page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=1000 * START_SECONDS)
        wait_until(lambda: "idle" in self.kernel_states(), "no kernel got ready", START_SECONDS)
        page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").first.wait_for()
        return page

    def run_all(self, page) -> None:
        """Run every cell, and wait until the last one is done; fails with the error of a cell."""
        page.locator('.lm-MenuBar-itemLabel:text-is("Run")').click()
        page.locator('.lm-Menu-itemLabel:text-is("Run All Cells")').click()
        cells = page.locator(".jp-CodeCell .jp-InputArea-prompt")
        last = cells.nth(cells.count() - 1)
        wait_until(lambda: last.inner_text().strip("[]: ").isdigit(), "the last cell did not run")
        failed = page.locator(".jp-OutputArea-output[data-mime-type$='stderr'] pre")
        assert "Traceback" not in "\n".join(failed.all_inner_texts())

    def kernel_states(self) -> list[str]:
        try:
            return [each["execution_state"] for each in self._kernels()]
        except HTTPError:  # jupyter_server 2.21 answers 500 while a kernel is being set up
            return []

    def stop_kernels(self) -> None:
        """As when a machine goes away: pages stay open, nobody answers them."""
        for each in self._kernels():
            place = f"{self.url}/api/kernels/{each['id']}?token={TOKEN}"
            urlopen(Request(place, method="DELETE")).close()

    def _kernels(self) -> list[dict]:
        with urlopen(f"{self.url}/api/kernels?token={TOKEN}") as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Chromium, without a window."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no chromium here: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory) -> Iterator[Lab]:
    """JupyterLab in an empty folder."""
    folder = tmp_path_factory.mktemp("lab")
    port = free_port()
    flags = [
        *("--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", f"--port={port}"),
        *(f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"),
        *("--LabApp.news_url=None", "--ServerApp.terminals_enabled=False"),
    ]
    url = f"http://127.0.0.1:{port}"
    with server(["-m", "jupyterlab", *flags], f"{url}/api?token={TOKEN}", tmp_path_factory):
        yield Lab(browser, url, folder)


@pytest.fixture(scope="session")
def voila(tmp_path_factory):
    """Open a notebook as Voila serves it; gives its page once it is executed."""
    running = []

    def opened(browser, notebook: Path):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        flags = [str(notebook), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
        context = server(["-m", "voila", *flags], f"{url}/static/x", tmp_path_factory)
        context.__enter__()
        running.append(context)
        page = new_page(browser)
        page.goto(url, timeout=1000 * RUN_SECONDS)
        return page

    yield opened
    for context in running:
        context.__exit__(None, None, None)


def new_page(browser):
    """A page that keeps what its console and its scripts complain about in `said`."""
    page = browser.new_page(viewport=WIDE)
    page.said = []
    page.on("console", lambda each: each.type == "error" and page.said.append(each.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    return page


class server:  # noqa: N801
    """A Jupyter server for the time of a `with`, with settings and runtime files of its own."""

    def __init__(self, command: list[str], probe: str, tmp_path_factory):
        self.command, self.probe = command, probe
        self.home = tmp_path_factory.mktemp("jupyter")

    def __enter__(self) -> None:
        kinds = ("CONFIG", "RUNTIME", "DATA")
        own = {f"JUPYTER_{name}_DIR": str(self.home / name) for name in kinds}
        own |= {"IPYTHONDIR": str(self.home / "ipython"), "PYTHONPATH": str(ROOT)}
        news = self.home / "CONFIG" / NEWS  # else JupyterLab asks whether it may fetch some
        news.parent.mkdir(parents=True)
        news.write_text('{"fetchNews": "false", "checkForUpdates": false}')
        self.log = (self.home / "log.txt").open("w")
        self.process = subprocess.Popen(
            [sys.executable, *self.command],
            env=os.environ | own,
            cwd=self.home,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        wait_until(self._answers, "the server did not start", START_SECONDS)

    def __exit__(self, *_) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError((self.home / "log.txt").read_text()[-2000:])
        try:
            urlopen(self.probe, timeout=5).close()
        except OSError as error:
            return getattr(error, "code", None) in (403, 404)  # it answers
        return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(is_so, otherwise: str, seconds: float = RUN_SECONDS) -> None:
    """Ask again and again; fails with a sentence when the time is over."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, otherwise
        time.sleep(0.1)
