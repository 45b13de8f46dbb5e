"""The change of primary for real: by wish, with every server up, or in an emergency, the primary gone."""
