"""PPO of our own: rollouts, advantages and updates in one compiled program."""
