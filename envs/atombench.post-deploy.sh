# Run by Snakemake in the new environment, from the workflow's folder.
python -m pip install --quiet -c constraints.txt -e '.[all]'
