"""An experiment, followed while it runs: what is new in its logs, on a page of this machine."""
