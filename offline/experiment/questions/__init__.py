"""Questions beside the verdict: days, attributes, other experiments, priors."""
