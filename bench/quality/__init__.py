"""Quality of every model on public data, beside published figures and RecBole."""
