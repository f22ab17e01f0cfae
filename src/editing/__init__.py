"""Pictures changed by prompts: variation, inpainting, outpainting, regions, mixtures, video."""
