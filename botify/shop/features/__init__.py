"""The features of a ranker of items: one computation, for answers and for training.

Needs numpy and the contract alone. `names` says which features there are, `counts` how popularity
decays, `facts` what is known of items, `values` computes. The service calls `values` when it
answers, and `botify shop features` calls it when it replays a log, so that what a ranker is
trained on is what it is asked about.
"""
