"""What may be asked beside the verdict: days, attributes, other experiments, priors."""
