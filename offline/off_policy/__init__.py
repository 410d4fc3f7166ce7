"""Estimates of a policy from the decisions of another one."""
