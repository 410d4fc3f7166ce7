"""How the site is started: on this machine, by systemd, in a container."""
