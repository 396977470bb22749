"""The scores of RealAIGym's leaderboards, for the cart-pole."""
