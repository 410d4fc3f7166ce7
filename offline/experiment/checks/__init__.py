"""Whether an experiment may be judged at all."""
