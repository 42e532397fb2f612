"""The winery: definitions, SQL models and the generator of its sample sources."""
