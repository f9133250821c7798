"""The parts of a model's page, one module each; `table` names them all."""
