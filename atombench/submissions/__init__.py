"""Models of others: queries that they answer, what they send in, how it is checked, and how it becomes a record."""
