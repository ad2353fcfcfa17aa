"""Cases: what is owed after a press, and how it is made good."""
