"""Settings that the business owns: promises with an owner and the day they were confirmed."""
