# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by test_installed.py in a bare Blender: installs the zip, reconstructs a photo from the installed copy, tells.

python installed_run.py PACKAGE PHOTO REPORT
"""

import http.server
import importlib
import importlib.util
import json
import sys
import threading
from pathlib import Path

import bpy

MODULE = "bl_ext.user_default.image_to_3d"


def module_file(name):
    spec = importlib.util.find_spec(name)
    return None if spec is None else spec.origin


class EmptyHub(http.server.BaseHTTPRequestHandler):
    """A mirror that has nothing."""

    def do_HEAD(self):
        self.send_response(404)
        self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()


def refusal_of_an_empty_hub():
    """What installing from it says: the whole way through the client, with the packages that the zip brought."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), EmptyHub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    bpy.context.preferences.system.use_online_access = True
    bpy.context.preferences.addons[MODULE].preferences.mirror = f"http://127.0.0.1:{server.server_port}"
    try:
        bpy.ops.image_to_3d.install_model(system="triposr")
    except RuntimeError as error:
        return str(error)
    finally:
        server.shutdown()
    return "installed"


def main():
    package, photo, report = sys.argv[1:]
    before = module_file("onnxruntime")
    bpy.ops.extensions.package_install_files(filepath=package, repo="user_default", enable_on_install=True)
    extension = importlib.import_module(MODULE)
    bpy.ops.image_to_3d.reconstruct(filepath=photo, quality="DRAFT", size=0.5)
    objects = [item for item in bpy.data.objects if item.type == "MESH" and item.data.uv_layers]
    made = max(objects, key=lambda item: len(item.data.polygons))
    material = made.active_material
    facts = {
        "runtime_before": before,
        "runtime": module_file("onnxruntime"),
        "pillow": module_file("PIL"),
        "client": module_file("huggingface_hub"),
        "refusal": refusal_of_an_empty_hub(),
        "extension": str(Path(extension.__file__).parent),
        "user_folder": bpy.utils.resource_path("USER"),
        "object": made.name,
        "faces": len(made.data.polygons),
        "longest_side": max(made.dimensions),
        "textures": [node.image.name for node in material.node_tree.nodes if node.type == "TEX_IMAGE" and node.image],
        "packed": all(image.packed_file for image in bpy.data.images if image.source == "FILE" and image.users),
    }
    bpy.ops.preferences.addon_disable(module=MODULE)
    facts["operator_after_disabling"] = hasattr(bpy.types, "IMAGE_TO_3D_OT_reconstruct")
    facts["written_beside_the_code"] = sorted(
        str(path.relative_to(facts["extension"]))
        for path in Path(facts["extension"]).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    )
    Path(report).write_text(json.dumps(facts), encoding="utf-8")


main()
