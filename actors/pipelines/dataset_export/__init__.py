"""The pipeline that makes a file of a dataset: CSV, Parquet, Excel or JSON Lines."""
