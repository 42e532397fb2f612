"""The reporting room: what readers see, from figures to pages, documents and the JSON API."""
