"""Training: the one loop, its batches, losses and checkpoints, and the cache of what a teacher says."""
