"""Running the site: metrics, alarms, which workers are there, and the processes of one machine."""
