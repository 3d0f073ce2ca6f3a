"""How easily a model is fooled: one file an attack."""
