"""Steps that take parts out of a model: layers, neurons and heads, pieces of the vocabulary."""
