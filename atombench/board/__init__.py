"""The leaderboard: tables and static pages, from result records alone."""
