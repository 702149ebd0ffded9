"""How good a model is: figures with intervals, baselines on the same patients, and one report of it all."""
