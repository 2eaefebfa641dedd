"""A real Orthanc of our own: its DICOM port, its DICOMweb and its REST interface, on loopback."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

from tests.flow.pacs.programs import find_plugin, find_program, free_port

_START_S = 30
_JOB_S = 120


class Orthanc:
    """One Orthanc with a folder of its own, which keeps what it has when it is killed.

    Attributes:
        aet: its AE title.
        dicom_port: of its DICOM server, on 127.0.0.1.
        url: of its REST interface.
        web_url: of its DICOMweb.
    """

    def __init__(self, folder: Path, aet: str = "ORTHANC", **settings: object) -> None:
        """Choose ports and write the configuration; nothing runs yet.

        Args:
            folder: for all it writes.
            aet: its AE title.
            settings: of Orthanc, instead of ours.
        """
        self._program, plugins = find_program("Orthanc"), find_plugin()
        self.aet, self.dicom_port, http_port = aet, free_port(), free_port()
        self.url = f"http://127.0.0.1:{http_port}"
        self.web_url = f"{self.url}/dicom-web"
        self.log = folder / "orthanc.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._config = folder / "orthanc.json"
        folder.mkdir(parents=True, exist_ok=True)
        self._config.write_text(
            json.dumps(
                {
                    "Name": aet,
                    "DicomAet": aet,
                    "DicomPort": self.dicom_port,
                    "HttpPort": http_port,
                    "HttpBindAddresses": ["127.0.0.1"],
                    "StorageDirectory": str(folder / "storage"),
                    "IndexDirectory": str(folder / "storage"),
                    "TemporaryDirectory": str(folder),
                    "Plugins": [str(plugins)],
                    "AuthenticationEnabled": False,
                    "DicomAlwaysAllowFind": True,
                    "DicomAlwaysAllowGet": True,
                    "DicomAlwaysAllowMove": True,
                    "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
                    "DicomScpTimeout": 2,
                    "DicomScuTimeout": 20,
                    "HttpCompressionEnabled": False,
                    "OverwriteInstances": False,
                    "StableAge": 1,
                    "TranscodeDicomProtocol": False,
                    "UnknownSopClassAccepted": True,
                    **settings,
                }
            )
        )

    def start(self) -> Self:
        """Run it, and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, self._config], stdout=log, stderr=subprocess.STDOUT
            )
        end = time.monotonic() + _START_S
        while not self._answers():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, "Orthanc does not answer"
            time.sleep(0.02)
        return self

    @property
    def pid(self) -> int:
        """Number of its process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it with SIGKILL, wherever it is; `start` begins again with what it kept."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def register(self, aet: str, port: int, host: str = "127.0.0.1") -> str:
        """Tell it of a peer, by its AE title: where it sends to, and where C-MOVE may go."""
        self.ask("PUT", f"/modalities/{aet}", {"AET": aet, "Host": host, "Port": port})
        return aet

    def send(self, aet: str, *resources: str) -> Any:
        """Have it send instances, series or studies of its own to a registered peer by C-STORE."""
        sent = {"Resources": resources, "Synchronous": True, "Timeout": _JOB_S}
        return self.ask("POST", f"/modalities/{aet}/store", sent)

    def stow(self, url: str, *resources: str) -> Any:
        """Have it send instances, series or studies of its own to a server by STOW-RS."""
        self.ask("PUT", "/dicom-web/servers/other", {"Url": url})
        sent = {"Resources": resources, "Synchronous": True}
        return self.ask("POST", "/dicom-web/servers/other/stow", sent)

    def upload(self, *files: bytes) -> list[str]:
        """Give it files by REST; returns its own ids of the instances."""
        return [self.ask("POST", "/instances", file)["ID"] for file in files]

    def instances(self) -> dict[str, str]:
        """SOP Instance UIDs of all it holds, and its own id of each."""
        found = self.ask("POST", "/tools/find", {"Level": "Instance", "Query": {}, "Expand": True})
        return {each["MainDicomTags"]["SOPInstanceUID"]: each["ID"] for each in found}

    def studies(self) -> dict[str, str]:
        """Study Instance UIDs of all it holds, and its own id of each."""
        found = self.ask("POST", "/tools/find", {"Level": "Study", "Query": {}, "Expand": True})
        return {each["MainDicomTags"]["StudyInstanceUID"]: each["ID"] for each in found}

    def file(self, instance: str) -> bytes:
        """The file of an instance as it stored it, by its own id."""
        return self._request("GET", f"/instances/{instance}/file")

    def clear(self) -> None:
        """Remove all it holds."""
        for patient in self.ask("GET", "/patients"):
            self.ask("DELETE", f"/patients/{patient}")

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Its answer to a request; the body is sent as JSON, or as it is if it is bytes."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        answer = self._request(method, path, data)
        return json.loads(answer) if answer else None

    def _request(self, method: str, path: str, data: bytes | None = None) -> bytes:
        request = urllib.request.Request(self.url + path, data, method=method)
        with urllib.request.urlopen(request, timeout=_JOB_S) as answer:
            return bytes(answer.read())

    def _answers(self) -> bool:
        try:
            self.ask("GET", "/system")
        except urllib.error.URLError:
            return False
        return True
