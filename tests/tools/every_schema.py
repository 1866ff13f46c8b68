"""Writes a header that lists the structs of schemas, so that tests miss none: OUTPUT SCHEMA..."""
import pathlib
import re
import sys

output, *schemas = map(pathlib.Path, sys.argv[1:])
structs = [name for schema in schemas
           for name in re.findall(r"^struct (\w+)", schema.read_text(), re.M)]
includes = "\n".join(f'#include "serialization/schema/{schema.name}.h"' for schema in schemas)
output.write_text(f"""#pragma once

{includes}

namespace troupe::wire {{

template <class... T>
struct Types {{}};
using EverySchema = Types<{", ".join(structs)}>;

}}  // namespace troupe::wire
""")
