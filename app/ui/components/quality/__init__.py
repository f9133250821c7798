"""How good a model's answers are: charts and tables of the model page's parts about quality and concept drift."""
