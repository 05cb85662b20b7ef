"""Running the site: metrics, alarms, the workers, and the processes of one machine."""
