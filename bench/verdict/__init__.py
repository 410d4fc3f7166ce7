"""The experiment's analysis: its speed, and whether its statistics keep their promises."""
