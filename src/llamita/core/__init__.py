"""The nouns everything else is built from: Model, Engine, Task, Step, Measure, Exporter, Recipe, Report, Run."""
