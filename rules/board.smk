localrules:
    collect,
    board,


rule collect:
    input:
        records=PLAN.records(),
        audits=PLAN.audits(),
    output:
        run=RUN_LIST,
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
        runs=all_lists,
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
        conditions="results/board/conditions.csv",
        strata="results/board/strata.csv",
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
        mem_mb=per_attempt(4000),
        runtime=10,
    params:
        folder=subpath(output.page, parent=True),
        shown=PLAN.shown_texts_digest(),
        code=PLAN.board_code(),
    shell:
        "atombench board {input.runs} --paper {input.paper} --out {params.folder} --threads {threads} --log {log}"
