"""The simulator, in process and over HTTP, beside plain loops."""
