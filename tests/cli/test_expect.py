"""`mappedviz expect`, and what `mappedviz audit --expect` makes of it."""

import mappedviz as mv
from mappedviz.cli import command as cli
from tests.audits import made, norm


def test_what_is_written_holds(tmp_path, capsys):
    paths = [str(path) for path in made(tmp_path, [{"obs": {"ct": ["T", "B"] * 12}}, {}])]
    file = tmp_path / "collection.toml"
    assert cli.main(["expect", *paths, "--label", "ct", "-q", "-o", str(file)]) == cli.OK
    assert capsys.readouterr().err == f"mappedviz: wrote {file}\n"
    assert mv.Expectations.load(file).obs["ct"].labels == ("B", "T")
    assert cli.main(["audit", *paths, "--label", "ct", "-q", "--expect", str(file)]) == cli.OK
    assert "[expected-" not in capsys.readouterr().out


def test_what_is_broken_fails_as_other_findings_do(tmp_path, capsys):
    (path,) = map(str, made(tmp_path, [{"X": norm()}]))
    file = tmp_path / "collection.toml"
    file.write_text('[matrices.X]\nscale = "counts"\n')
    command = ["audit", path, "-q", "--expect", str(file)]
    assert cli.main(command) == cli.OK  # --fail-on fatal
    assert "error [expected-scale] matrices.X.scale: X is 'log1p'" in capsys.readouterr().out
    assert cli.main([*command, "--fail-on", "error"]) == cli.FOUND
    file.write_text('severity = "info"\n[matrices.X]\nscale = "counts"\n')
    assert cli.main([*command, "--fail-on", "error"]) == cli.OK


def test_a_file_that_is_not_understood(tmp_path, capsys):
    file = tmp_path / "collection.toml"
    file.write_text("[store]\nleast = 1\n")
    assert cli.main(["audit", "a.h5ad", "--expect", str(file)]) == cli.USAGE
    assert "collection.toml, store: is not the name of an expectation. Did you mean 'stores'?" in (
        capsys.readouterr().err
    )
    assert cli.main(["audit", "a.h5ad", "--expect", str(tmp_path / "no.toml")]) == cli.USAGE


def test_it_is_printed(tmp_path, capsys):
    (path,) = map(str, made(tmp_path, [{}]))
    assert cli.main(["expect", path, "-q"]) == cli.OK
    assert mv.Expectations.from_toml(capsys.readouterr().out).stores.least == 1
    assert cli.main(["expect", path, str(tmp_path / "nothing.h5ad"), "-q"]) == cli.FOUND
    out, err = capsys.readouterr()
    assert mv.Expectations.from_toml(out).stores.least == 1
    assert "cannot be read as asked" in err
