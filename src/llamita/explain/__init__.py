"""Why a model answered so: one file a method."""
