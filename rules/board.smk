localrules:
    collect,
    board,


rule collect:
    input:
        records=all_records,
        audits=all_audits,
    output:
        run=f"results/runs/{RUN.run}.json",
    log:
        "logs/collect.log",
    benchmark:
        "results/benchmarks/collect.tsv"
    conda:
        "../envs/atombench.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        name=RUN.run,
        settings=RUN.model_dump_json(),
        audits=lambda wildcards, input: [f"--audit={path}" for path in input.audits],
        code=code_digest("atombench.commands.collect"),
    shell:
        "atombench collect {input.records} {params.audits} --name {params.name} --config {params.settings:q}"
        " --out {output.run} --log {log}"


rule board:
    input:
        runs=all_runs,
        paper="leaderboard/published/paper-tables.csv",
    output:
        page=report(
            "results/board/index.html",
            caption="../docs/report-board.rst",
            category="Leaderboard",
        ),
        table=report(
            "results/board/results.csv",
            caption="../docs/report-table.rst",
            category="Leaderboard",
        ),
        audit=report(
            "results/board/audit.csv",
            caption="../docs/report-audit.rst",
            category="Leaderboard",
        ),
        comparisons="results/board/comparisons.csv",
        strata="results/board/strata.csv",
        paper="results/board/paper.html",
        methods="results/board/methods.html",
        audits="results/board/audit.html",
        boards=directory("results/board/boards"),
        method_pages=directory("results/board/methods"),
        cases=directory("results/board/cases"),
        cards=directory("results/board/datasets"),
        assets=directory("results/board/assets"),
    log:
        "logs/board.log",
    benchmark:
        "results/benchmarks/board.tsv"
    conda:
        "../envs/atombench.yaml"
    threads: 4
    resources:
        mem_mb=growing(4000),
        runtime=10,
    params:
        folder=subpath(output.page, parent=True),
        shown=shown_texts,
        code=code_digest("atombench.commands.board"),
    shell:
        "atombench board {input.runs} --paper {input.paper} --out {params.folder} --threads {threads} --log {log}"
