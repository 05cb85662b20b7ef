"""What pipelines that import tables share: the steps from a file to a dataset, and the options of their forms.

The child processes that do the heavy work import its modules; only `steps` and the form's need Django.
"""
