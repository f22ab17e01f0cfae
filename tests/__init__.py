"""A package by name: torch-fidelity installs one called tests as well, and ours stands first."""
