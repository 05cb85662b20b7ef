"""Real components for tests: private RabbitMQ and PostgreSQL nodes, a running site, and waiting for facts."""
