"""The leaderboard: tables and static pages generated from result records."""
