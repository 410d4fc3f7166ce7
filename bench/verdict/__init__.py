"""The experiment's analysis: its speed, and the calibration of its statistics."""
