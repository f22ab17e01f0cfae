import torch

from src.training.dead_codes import CodeUse


def counted(use, *steps):
    for counts in steps:
        use.count(torch.tensor(counts))


def test_steps_without_use_are_counted_and_forgotten_at_the_first_use():
    use = CodeUse(3)
    counted(use, [5, 0, 0], [5, 0, 1], [0, 0, 1])
    assert use.idle_steps.tolist() == [1, 3, 0]


def test_only_codes_idle_for_so_long_are_moved_onto_different_latents(rng):
    use, codebook, average = CodeUse(4), torch.full((4, 2), 9.0), torch.full((4, 2), 8.0)
    counted(use, [1, 0, 0, 1], [1, 0, 0, 0])
    latents = torch.arange(12.0).view(1, 2, 2, 3)
    assert use.revive([codebook, average], latents, 2, rng) == 2
    vectors = latents.movedim(1, -1).flatten(0, -2).tolist()
    assert all(code in vectors for code in codebook[1:3].tolist())
    assert codebook[1].tolist() != codebook[2].tolist()
    assert torch.equal(codebook[1:3], average[1:3])
    assert (codebook[[0, 3]] == 9).all()
    assert (average[[0, 3]] == 8).all()
    assert use.idle_steps.tolist() == [0, 0, 0, 1]


def test_no_two_codes_share_a_latent_and_the_rest_waits(rng):
    use, codebook = CodeUse(8), torch.full((8, 2), 9.0)
    counted(use, [0] * 8)
    latents = torch.arange(6.0).view(1, 2, 1, 3)
    assert use.revive([codebook], latents, 1, rng) == 3
    moved = codebook[codebook[:, 0] != 9]
    assert len(moved.unique(dim=0)) == 3
    assert (use.idle_steps >= 1).sum() == 5


def test_which_latents_is_a_matter_of_the_generator_alone():
    def moved(seed):
        use, codebook = CodeUse(4), torch.zeros(4, 2)
        counted(use, [0] * 4)
        latents = torch.arange(40.0).view(1, 2, 4, 5)
        use.revive([codebook], latents, 1, torch.Generator().manual_seed(seed))
        return codebook.tolist()

    assert moved(0) == moved(0) != moved(1)
