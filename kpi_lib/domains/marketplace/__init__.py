"""The marketplace: definitions, SQL and the generator of its sample sources."""
