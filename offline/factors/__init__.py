"""Publishing a model's factors, for the service: `contract.factors` says in what form."""
