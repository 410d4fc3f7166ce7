"""The service under load, beside what one would write instead."""
