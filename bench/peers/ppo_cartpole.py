"""PPO on CartPole in PyTorch and Gymnasium with the settings of `bench -- train cartpole`: what the Python way costs on this machine.

A plain loop in the manner of CleanRL, without the bookkeeping of Stable-Baselines3, so a little faster than that.
Needs: pip install torch gymnasium. Run: python bench/peers/ppo_cartpole.py [seconds]. Prints environment steps a second.
"""

import sys
import time

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

ENVS, STEPS, EPOCHS, BATCH = 8, 32, 20, 256
GAMMA, GAE_LAMBDA, CLIP, RATE = 0.98, 0.8, 0.2, 1e-3


def tower(outputs):
    return nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, outputs))


def main(seconds):
    torch.manual_seed(0)
    envs = gym.vector.SyncVectorEnv([lambda: gym.make("CartPole-v1") for _ in range(ENVS)])
    actor, critic = tower(2), tower(1)
    parameters = [*actor.parameters(), *critic.parameters()]
    adam = torch.optim.Adam(parameters, lr=RATE, eps=1e-5)
    observation, _ = envs.reset(seed=0)
    begun, steps = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        rows = {name: [] for name in ("observation", "action", "log", "value", "reward", "done")}
        for _ in range(STEPS):
            now = torch.as_tensor(observation, dtype=torch.float32)
            with torch.no_grad():
                policy = Categorical(logits=actor(now))
                action = policy.sample()
                value = critic(now).flatten()
            observation, reward, terminated, truncated, _ = envs.step(action.numpy())
            done = np.logical_or(terminated, truncated)
            for name, row in zip(rows, (now, action, policy.log_prob(action), value, reward, done)):
                rows[name].append(torch.as_tensor(row, dtype=torch.float32))
        with torch.no_grad():
            after = critic(torch.as_tensor(observation, dtype=torch.float32)).flatten()
        data = {name: torch.stack(row) for name, row in rows.items()}
        advantage, last = torch.zeros(STEPS, ENVS), torch.zeros(ENVS)
        for t in reversed(range(STEPS)):
            follow = after if t == STEPS - 1 else data["value"][t + 1]
            live = 1 - data["done"][t]
            last = data["reward"][t] + GAMMA * follow * live - data["value"][t] + GAMMA * GAE_LAMBDA * live * last
            advantage[t] = last
        target = (advantage + data["value"]).flatten()
        flat = {name: row.reshape(STEPS * ENVS, *row.shape[2:]) for name, row in data.items()}
        advantage = advantage.flatten()
        for _ in range(EPOCHS):
            for pick in torch.randperm(STEPS * ENVS).split(BATCH):
                policy = Categorical(logits=actor(flat["observation"][pick]))
                ratio = (policy.log_prob(flat["action"][pick]) - flat["log"][pick]).exp()
                gain = advantage[pick]
                gain = (gain - gain.mean()) / (gain.std() + 1e-8)
                clipped = torch.min(gain * ratio, gain * ratio.clamp(1 - CLIP, 1 + CLIP)).mean()
                error = (critic(flat["observation"][pick]).flatten() - target[pick]).pow(2).mean()
                loss = 0.5 * error - clipped
                adam.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(parameters, 0.5)
                adam.step()
        steps += STEPS * ENVS
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads: {steps / (time.perf_counter() - begun):.0f} steps/s")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10)
