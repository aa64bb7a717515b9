from .learner import Features as Features, Learner as Learner
