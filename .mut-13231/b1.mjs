var __getOwnPropNames = Object.getOwnPropertyNames;
var __esm = (fn, res, err) => function __init() {
  if (err) throw err[0];
  try {
    return fn && (res = (0, fn[__getOwnPropNames(fn)[0]])(fn = 0)), res;
  } catch (e) {
    throw err = [e], e;
  }
};

// common/decision-chain.ts
import { createHash, hash } from "node:crypto";
function genesisHash(instanceId) {
  return createHash("sha256").update(instanceId, "ascii").digest();
}
function nextHash(previous, record2) {
  const length = previous.length + record2.length;
  if (length > scratch.length) scratch = Buffer.allocUnsafeSlow(length * 2);
  scratch.set(previous);
  scratch.set(record2, previous.length);
  const digest = hash("sha256", scratch.subarray(0, length), "binary");
  const bytes = Buffer.allocUnsafe(HASH_BYTES);
  bytes.write(digest, "latin1");
  return bytes;
}
var HASH_BYTES, scratch;
var init_decision_chain = __esm({
  "common/decision-chain.ts"() {
    "use strict";
    HASH_BYTES = 32;
    scratch = Buffer.allocUnsafeSlow(4096);
  }
});

// proto/gen/google/protobuf/timestamp.ts
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
function createBaseTimestamp() {
  return { seconds: 0, nanos: 0 };
}
function longToNumber(int64) {
  const num = globalThis.Number(int64.toString());
  if (num > globalThis.Number.MAX_SAFE_INTEGER) {
    throw new globalThis.Error("Value is larger than Number.MAX_SAFE_INTEGER");
  }
  if (num < globalThis.Number.MIN_SAFE_INTEGER) {
    throw new globalThis.Error("Value is smaller than Number.MIN_SAFE_INTEGER");
  }
  return num;
}
var Timestamp;
var init_timestamp = __esm({
  "proto/gen/google/protobuf/timestamp.ts"() {
    "use strict";
    Timestamp = {
      encode(message, writer = new BinaryWriter()) {
        if (message.seconds !== 0) {
          writer.uint32(8).int64(message.seconds);
        }
        if (message.nanos !== 0) {
          writer.uint32(16).int32(message.nanos);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseTimestamp();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 8) {
                  break;
                }
                message.seconds = longToNumber(reader.int64());
                continue;
              }
              case 2: {
                if (tag !== 16) {
                  break;
                }
                message.nanos = reader.int32();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return Timestamp.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseTimestamp();
        message.seconds = object.seconds ?? 0;
        message.nanos = object.nanos ?? 0;
        return message;
      }
    };
  }
});

// proto/gen/sidekey/v1/reason.ts
var init_reason = __esm({
  "proto/gen/sidekey/v1/reason.ts"() {
    "use strict";
  }
});

// proto/gen/google/protobuf/duration.ts
import { BinaryReader as BinaryReader2, BinaryWriter as BinaryWriter2 } from "@bufbuild/protobuf/wire";
function createBaseDuration() {
  return { seconds: 0, nanos: 0 };
}
function longToNumber2(int64) {
  const num = globalThis.Number(int64.toString());
  if (num > globalThis.Number.MAX_SAFE_INTEGER) {
    throw new globalThis.Error("Value is larger than Number.MAX_SAFE_INTEGER");
  }
  if (num < globalThis.Number.MIN_SAFE_INTEGER) {
    throw new globalThis.Error("Value is smaller than Number.MIN_SAFE_INTEGER");
  }
  return num;
}
var Duration;
var init_duration = __esm({
  "proto/gen/google/protobuf/duration.ts"() {
    "use strict";
    Duration = {
      encode(message, writer = new BinaryWriter2()) {
        if (message.seconds !== 0) {
          writer.uint32(8).int64(message.seconds);
        }
        if (message.nanos !== 0) {
          writer.uint32(16).int32(message.nanos);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader2 ? input : new BinaryReader2(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseDuration();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 8) {
                  break;
                }
                message.seconds = longToNumber2(reader.int64());
                continue;
              }
              case 2: {
                if (tag !== 16) {
                  break;
                }
                message.nanos = reader.int32();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return Duration.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseDuration();
        message.seconds = object.seconds ?? 0;
        message.nanos = object.nanos ?? 0;
        return message;
      }
    };
  }
});

// proto/gen/sidekey/v1/route.ts
import { BinaryReader as BinaryReader3, BinaryWriter as BinaryWriter3 } from "@bufbuild/protobuf/wire";
function createBaseDestination() {
  return { scheme: "", host: "", port: 0 };
}
function createBaseHttpRequestFacts() {
  return { method: "", path: "", query: "", headers: [], inspected: void 0 };
}
function createBaseInspectedFacts() {
  return {
    unreadable: [],
    selectors: [],
    bodyBytes: void 0,
    contentType: void 0,
    json: void 0,
    form: void 0,
    graphql: void 0,
    jsonRpc: void 0,
    mcp: void 0,
    a2a: void 0
  };
}
function createBaseUnreadableFact() {
  return { fact: 0, why: "" };
}
function createBaseFormFacts() {
  return { fields: [] };
}
function createBaseGraphqlFacts() {
  return { operationType: "", operationName: "", rootFields: [] };
}
function createBaseJsonRpcFacts() {
  return { method: "" };
}
function createBaseMcpFacts() {
  return { method: "", tool: "", resource: "", prompt: "", arguments: "" };
}
function createBaseA2aFacts() {
  return { method: "", skill: "" };
}
function createBaseHeader() {
  return { name: "", value: "" };
}
function createBasePlaceholderPlace() {
  return { location: 0, name: "" };
}
function createBaseFailMode() {
  return { staleMaxAge: void 0 };
}
function longToNumber3(int64) {
  const num = globalThis.Number(int64.toString());
  if (num > globalThis.Number.MAX_SAFE_INTEGER) {
    throw new globalThis.Error("Value is larger than Number.MAX_SAFE_INTEGER");
  }
  if (num < globalThis.Number.MIN_SAFE_INTEGER) {
    throw new globalThis.Error("Value is smaller than Number.MIN_SAFE_INTEGER");
  }
  return num;
}
var Destination, HttpRequestFacts, InspectedFacts, UnreadableFact, FormFacts, GraphqlFacts, JsonRpcFacts, McpFacts, A2aFacts, Header, PlaceholderPlace, FailMode;
var init_route = __esm({
  "proto/gen/sidekey/v1/route.ts"() {
    "use strict";
    init_duration();
    Destination = {
      encode(message, writer = new BinaryWriter3()) {
        if (message.scheme !== "") {
          writer.uint32(10).string(message.scheme);
        }
        if (message.host !== "") {
          writer.uint32(18).string(message.host);
        }
        if (message.port !== 0) {
          writer.uint32(24).uint32(message.port);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader3 ? input : new BinaryReader3(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseDestination();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.scheme = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.host = reader.string();
                continue;
              }
              case 3: {
                if (tag !== 24) {
                  break;
                }
                message.port = reader.uint32();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return Destination.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseDestination();
        message.scheme = object.scheme ?? "";
        message.host = object.host ?? "";
        message.port = object.port ?? 0;
        return message;
      }
    };
    HttpRequestFacts = {
      encode(message, writer = new BinaryWriter3()) {
        if (message.method !== "") {
          writer.uint32(10).string(message.method);
        }
        if (message.path !== "") {
          writer.uint32(18).string(message.path);
        }
        if (message.query !== "") {
          writer.uint32(26).string(message.query);
        }
        for (const v of message.headers) {
          Header.encode(v, writer.uint32(34).fork()).join();
        }
        if (message.inspected !== void 0) {
          InspectedFacts.encode(message.inspected, writer.uint32(42).fork()).join();
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader3 ? input : new BinaryReader3(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseHttpRequestFacts();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.method = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.path = reader.string();
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.query = reader.string();
                continue;
              }
              case 4: {
                if (tag !== 34) {
                  break;
                }
                message.headers.push(Header.decode(reader, reader.uint32()));
                continue;
              }
              case 5: {
                if (tag !== 42) {
                  break;
                }
                message.inspected = InspectedFacts.decode(reader, reader.uint32());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return HttpRequestFacts.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseHttpRequestFacts();
        message.method = object.method ?? "";
        message.path = object.path ?? "";
        message.query = object.query ?? "";
        message.headers = object.headers?.map((e) => Header.fromPartial(e)) || [];
        message.inspected = object.inspected !== void 0 && object.inspected !== null ? InspectedFacts.fromPartial(object.inspected) : void 0;
        return message;
      }
    };
    InspectedFacts = {
      encode(message, writer = new BinaryWriter3()) {
        for (const v of message.unreadable) {
          UnreadableFact.encode(v, writer.uint32(10).fork()).join();
        }
        for (const v of message.selectors) {
          writer.uint32(18).string(v);
        }
        if (message.bodyBytes !== void 0) {
          writer.uint32(24).uint64(message.bodyBytes);
        }
        if (message.contentType !== void 0) {
          writer.uint32(34).string(message.contentType);
        }
        if (message.json !== void 0) {
          writer.uint32(42).string(message.json);
        }
        if (message.form !== void 0) {
          FormFacts.encode(message.form, writer.uint32(50).fork()).join();
        }
        if (message.graphql !== void 0) {
          GraphqlFacts.encode(message.graphql, writer.uint32(58).fork()).join();
        }
        if (message.jsonRpc !== void 0) {
          JsonRpcFacts.encode(message.jsonRpc, writer.uint32(66).fork()).join();
        }
        if (message.mcp !== void 0) {
          McpFacts.encode(message.mcp, writer.uint32(74).fork()).join();
        }
        if (message.a2a !== void 0) {
          A2aFacts.encode(message.a2a, writer.uint32(82).fork()).join();
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader3 ? input : new BinaryReader3(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseInspectedFacts();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.unreadable.push(UnreadableFact.decode(reader, reader.uint32()));
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.selectors.push(reader.string());
                continue;
              }
              case 3: {
                if (tag !== 24) {
                  break;
                }
                message.bodyBytes = longToNumber3(reader.uint64());
                continue;
              }
              case 4: {
                if (tag !== 34) {
                  break;
                }
                message.contentType = reader.string();
                continue;
              }
              case 5: {
                if (tag !== 42) {
                  break;
                }
                message.json = reader.string();
                continue;
              }
              case 6: {
                if (tag !== 50) {
                  break;
                }
                message.form = FormFacts.decode(reader, reader.uint32());
                continue;
              }
              case 7: {
                if (tag !== 58) {
                  break;
                }
                message.graphql = GraphqlFacts.decode(reader, reader.uint32());
                continue;
              }
              case 8: {
                if (tag !== 66) {
                  break;
                }
                message.jsonRpc = JsonRpcFacts.decode(reader, reader.uint32());
                continue;
              }
              case 9: {
                if (tag !== 74) {
                  break;
                }
                message.mcp = McpFacts.decode(reader, reader.uint32());
                continue;
              }
              case 10: {
                if (tag !== 82) {
                  break;
                }
                message.a2a = A2aFacts.decode(reader, reader.uint32());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return InspectedFacts.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseInspectedFacts();
        message.unreadable = object.unreadable?.map((e) => UnreadableFact.fromPartial(e)) || [];
        message.selectors = object.selectors?.map((e) => e) || [];
        message.bodyBytes = object.bodyBytes ?? void 0;
        message.contentType = object.contentType ?? void 0;
        message.json = object.json ?? void 0;
        message.form = object.form !== void 0 && object.form !== null ? FormFacts.fromPartial(object.form) : void 0;
        message.graphql = object.graphql !== void 0 && object.graphql !== null ? GraphqlFacts.fromPartial(object.graphql) : void 0;
        message.jsonRpc = object.jsonRpc !== void 0 && object.jsonRpc !== null ? JsonRpcFacts.fromPartial(object.jsonRpc) : void 0;
        message.mcp = object.mcp !== void 0 && object.mcp !== null ? McpFacts.fromPartial(object.mcp) : void 0;
        message.a2a = object.a2a !== void 0 && object.a2a !== null ? A2aFacts.fromPartial(object.a2a) : void 0;
        return message;
      }
    };
    UnreadableFact = {
      encode(message, writer = new BinaryWriter3()) {
        if (message.fact !== 0) {
          writer.uint32(8).int32(message.fact);
        }
        if (message.why !== "") {
          writer.uint32(18).string(message.why);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader3 ? input : new BinaryReader3(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseUnreadableFact();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 8) {
                  break;
                }
                message.fact = reader.int32();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.why = reader.string();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return UnreadableFact.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseUnreadableFact();
        message.fact = object.fact ?? 0;
        message.why = object.why ?? "";
        return message;
      }
    };
    FormFacts = {
      encode(message, writer = new BinaryWriter3()) {
        for (const v of message.fields) {
          Header.encode(v, writer.uint32(10).fork()).join();
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader3 ? input : new BinaryReader3(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseFormFacts();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.fields.push(Header.decode(reader, reader.uint32()));
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return FormFacts.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseFormFacts();
        message.fields = object.fields?.map((e) => Header.fromPartial(e)) || [];
        return message;
      }
    };
    GraphqlFacts = {
      encode(message, writer = new BinaryWriter3()) {
        if (message.operationType !== "") {
          writer.uint32(10).string(message.operationType);
        }
        if (message.operationName !== "") {
          writer.uint32(18).string(message.operationName);
        }
        for (const v of message.rootFields) {
          writer.uint32(26).string(v);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader3 ? input : new BinaryReader3(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseGraphqlFacts();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.operationType = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.operationName = reader.string();
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.rootFields.push(reader.string());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return GraphqlFacts.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseGraphqlFacts();
        message.operationType = object.operationType ?? "";
        message.operationName = object.operationName ?? "";
        message.rootFields = object.rootFields?.map((e) => e) || [];
        return message;
      }
    };
    JsonRpcFacts = {
      encode(message, writer = new BinaryWriter3()) {
        if (message.method !== "") {
          writer.uint32(10).string(message.method);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader3 ? input : new BinaryReader3(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseJsonRpcFacts();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.method = reader.string();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return JsonRpcFacts.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseJsonRpcFacts();
        message.method = object.method ?? "";
        return message;
      }
    };
    McpFacts = {
      encode(message, writer = new BinaryWriter3()) {
        if (message.method !== "") {
          writer.uint32(10).string(message.method);
        }
        if (message.tool !== "") {
          writer.uint32(18).string(message.tool);
        }
        if (message.resource !== "") {
          writer.uint32(26).string(message.resource);
        }
        if (message.prompt !== "") {
          writer.uint32(34).string(message.prompt);
        }
        if (message.arguments !== "") {
          writer.uint32(42).string(message.arguments);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader3 ? input : new BinaryReader3(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseMcpFacts();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.method = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.tool = reader.string();
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.resource = reader.string();
                continue;
              }
              case 4: {
                if (tag !== 34) {
                  break;
                }
                message.prompt = reader.string();
                continue;
              }
              case 5: {
                if (tag !== 42) {
                  break;
                }
                message.arguments = reader.string();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return McpFacts.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseMcpFacts();
        message.method = object.method ?? "";
        message.tool = object.tool ?? "";
        message.resource = object.resource ?? "";
        message.prompt = object.prompt ?? "";
        message.arguments = object.arguments ?? "";
        return message;
      }
    };
    A2aFacts = {
      encode(message, writer = new BinaryWriter3()) {
        if (message.method !== "") {
          writer.uint32(10).string(message.method);
        }
        if (message.skill !== "") {
          writer.uint32(18).string(message.skill);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader3 ? input : new BinaryReader3(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseA2aFacts();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.method = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.skill = reader.string();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return A2aFacts.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseA2aFacts();
        message.method = object.method ?? "";
        message.skill = object.skill ?? "";
        return message;
      }
    };
    Header = {
      encode(message, writer = new BinaryWriter3()) {
        if (message.name !== "") {
          writer.uint32(10).string(message.name);
        }
        if (message.value !== "") {
          writer.uint32(18).string(message.value);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader3 ? input : new BinaryReader3(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseHeader();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.name = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.value = reader.string();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return Header.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseHeader();
        message.name = object.name ?? "";
        message.value = object.value ?? "";
        return message;
      }
    };
    PlaceholderPlace = {
      encode(message, writer = new BinaryWriter3()) {
        if (message.location !== 0) {
          writer.uint32(8).int32(message.location);
        }
        if (message.name !== "") {
          writer.uint32(18).string(message.name);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader3 ? input : new BinaryReader3(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBasePlaceholderPlace();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 8) {
                  break;
                }
                message.location = reader.int32();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.name = reader.string();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return PlaceholderPlace.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBasePlaceholderPlace();
        message.location = object.location ?? 0;
        message.name = object.name ?? "";
        return message;
      }
    };
    FailMode = {
      encode(message, writer = new BinaryWriter3()) {
        if (message.staleMaxAge !== void 0) {
          Duration.encode(message.staleMaxAge, writer.uint32(10).fork()).join();
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader3 ? input : new BinaryReader3(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseFailMode();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.staleMaxAge = Duration.decode(reader, reader.uint32());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return FailMode.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseFailMode();
        message.staleMaxAge = object.staleMaxAge !== void 0 && object.staleMaxAge !== null ? Duration.fromPartial(object.staleMaxAge) : void 0;
        return message;
      }
    };
  }
});

// proto/gen/sidekey/v1/decision.ts
import { BinaryReader as BinaryReader4, BinaryWriter as BinaryWriter4 } from "@bufbuild/protobuf/wire";
function createBaseChainedRecord() {
  return { sequence: 0, previousHash: Buffer.alloc(0), hash: Buffer.alloc(0), record: Buffer.alloc(0) };
}
function createBaseChainHead() {
  return { sequence: 0, hash: Buffer.alloc(0) };
}
function createBaseDecisionRecord() {
  return {
    id: "",
    at: void 0,
    sessionId: "",
    workloads: [],
    user: "",
    destination: void 0,
    serverWorkload: "",
    method: "",
    path: "",
    outcome: 0,
    reason: 0,
    accessPolicy: "",
    credentialProvider: "",
    grantId: "",
    fromCache: false,
    status: 0,
    upstreamAddress: "",
    requestBytes: 0,
    responseBytes: 0,
    durationUs: 0,
    removedCredentials: [],
    scrubbed: 0,
    instanceId: "",
    action: ""
  };
}
function toTimestamp(date) {
  const seconds = Math.trunc(date.getTime() / 1e3);
  const nanos = date.getTime() % 1e3 * 1e6;
  return { seconds, nanos };
}
function fromTimestamp(t) {
  let millis = (t.seconds || 0) * 1e3;
  millis += (t.nanos || 0) / 1e6;
  return new globalThis.Date(millis);
}
function longToNumber4(int64) {
  const num = globalThis.Number(int64.toString());
  if (num > globalThis.Number.MAX_SAFE_INTEGER) {
    throw new globalThis.Error("Value is larger than Number.MAX_SAFE_INTEGER");
  }
  if (num < globalThis.Number.MIN_SAFE_INTEGER) {
    throw new globalThis.Error("Value is smaller than Number.MIN_SAFE_INTEGER");
  }
  return num;
}
var Outcome, ChainedRecord, ChainHead, DecisionRecord;
var init_decision = __esm({
  "proto/gen/sidekey/v1/decision.ts"() {
    "use strict";
    init_timestamp();
    init_reason();
    init_route();
    Outcome = {
      OUTCOME_UNSPECIFIED: 0,
      OUTCOME_ALLOWED: 1,
      OUTCOME_DENIED: 2,
      /** OUTCOME_FAILED - Allowed, but no complete answer came of it. */
      OUTCOME_FAILED: 3,
      UNRECOGNIZED: -1
    };
    ChainedRecord = {
      encode(message, writer = new BinaryWriter4()) {
        if (message.sequence !== 0) {
          writer.uint32(8).uint64(message.sequence);
        }
        if (message.previousHash.length !== 0) {
          writer.uint32(18).bytes(message.previousHash);
        }
        if (message.hash.length !== 0) {
          writer.uint32(26).bytes(message.hash);
        }
        if (message.record.length !== 0) {
          writer.uint32(34).bytes(message.record);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader4 ? input : new BinaryReader4(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseChainedRecord();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 8) {
                  break;
                }
                message.sequence = longToNumber4(reader.uint64());
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.previousHash = Buffer.from(reader.bytes());
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.hash = Buffer.from(reader.bytes());
                continue;
              }
              case 4: {
                if (tag !== 34) {
                  break;
                }
                message.record = Buffer.from(reader.bytes());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return ChainedRecord.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseChainedRecord();
        message.sequence = object.sequence ?? 0;
        message.previousHash = object.previousHash ?? Buffer.alloc(0);
        message.hash = object.hash ?? Buffer.alloc(0);
        message.record = object.record ?? Buffer.alloc(0);
        return message;
      }
    };
    ChainHead = {
      encode(message, writer = new BinaryWriter4()) {
        if (message.sequence !== 0) {
          writer.uint32(8).uint64(message.sequence);
        }
        if (message.hash.length !== 0) {
          writer.uint32(18).bytes(message.hash);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader4 ? input : new BinaryReader4(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseChainHead();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 8) {
                  break;
                }
                message.sequence = longToNumber4(reader.uint64());
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.hash = Buffer.from(reader.bytes());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return ChainHead.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseChainHead();
        message.sequence = object.sequence ?? 0;
        message.hash = object.hash ?? Buffer.alloc(0);
        return message;
      }
    };
    DecisionRecord = {
      encode(message, writer = new BinaryWriter4()) {
        if (message.id !== "") {
          writer.uint32(10).string(message.id);
        }
        if (message.at !== void 0) {
          Timestamp.encode(toTimestamp(message.at), writer.uint32(18).fork()).join();
        }
        if (message.sessionId !== "") {
          writer.uint32(26).string(message.sessionId);
        }
        for (const v of message.workloads) {
          writer.uint32(34).string(v);
        }
        if (message.user !== "") {
          writer.uint32(42).string(message.user);
        }
        if (message.destination !== void 0) {
          Destination.encode(message.destination, writer.uint32(50).fork()).join();
        }
        if (message.serverWorkload !== "") {
          writer.uint32(58).string(message.serverWorkload);
        }
        if (message.method !== "") {
          writer.uint32(66).string(message.method);
        }
        if (message.path !== "") {
          writer.uint32(74).string(message.path);
        }
        if (message.outcome !== 0) {
          writer.uint32(80).int32(message.outcome);
        }
        if (message.reason !== 0) {
          writer.uint32(88).int32(message.reason);
        }
        if (message.accessPolicy !== "") {
          writer.uint32(98).string(message.accessPolicy);
        }
        if (message.credentialProvider !== "") {
          writer.uint32(106).string(message.credentialProvider);
        }
        if (message.grantId !== "") {
          writer.uint32(114).string(message.grantId);
        }
        if (message.fromCache !== false) {
          writer.uint32(120).bool(message.fromCache);
        }
        if (message.status !== 0) {
          writer.uint32(128).uint32(message.status);
        }
        if (message.upstreamAddress !== "") {
          writer.uint32(138).string(message.upstreamAddress);
        }
        if (message.requestBytes !== 0) {
          writer.uint32(144).uint64(message.requestBytes);
        }
        if (message.responseBytes !== 0) {
          writer.uint32(152).uint64(message.responseBytes);
        }
        if (message.durationUs !== 0) {
          writer.uint32(160).uint32(message.durationUs);
        }
        for (const v of message.removedCredentials) {
          writer.uint32(170).string(v);
        }
        if (message.scrubbed !== 0) {
          writer.uint32(176).uint32(message.scrubbed);
        }
        if (message.instanceId !== "") {
          writer.uint32(186).string(message.instanceId);
        }
        if (message.action !== "") {
          writer.uint32(194).string(message.action);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader4 ? input : new BinaryReader4(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseDecisionRecord();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.id = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.at = fromTimestamp(Timestamp.decode(reader, reader.uint32()));
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.sessionId = reader.string();
                continue;
              }
              case 4: {
                if (tag !== 34) {
                  break;
                }
                message.workloads.push(reader.string());
                continue;
              }
              case 5: {
                if (tag !== 42) {
                  break;
                }
                message.user = reader.string();
                continue;
              }
              case 6: {
                if (tag !== 50) {
                  break;
                }
                message.destination = Destination.decode(reader, reader.uint32());
                continue;
              }
              case 7: {
                if (tag !== 58) {
                  break;
                }
                message.serverWorkload = reader.string();
                continue;
              }
              case 8: {
                if (tag !== 66) {
                  break;
                }
                message.method = reader.string();
                continue;
              }
              case 9: {
                if (tag !== 74) {
                  break;
                }
                message.path = reader.string();
                continue;
              }
              case 10: {
                if (tag !== 80) {
                  break;
                }
                message.outcome = reader.int32();
                continue;
              }
              case 11: {
                if (tag !== 88) {
                  break;
                }
                message.reason = reader.int32();
                continue;
              }
              case 12: {
                if (tag !== 98) {
                  break;
                }
                message.accessPolicy = reader.string();
                continue;
              }
              case 13: {
                if (tag !== 106) {
                  break;
                }
                message.credentialProvider = reader.string();
                continue;
              }
              case 14: {
                if (tag !== 114) {
                  break;
                }
                message.grantId = reader.string();
                continue;
              }
              case 15: {
                if (tag !== 120) {
                  break;
                }
                message.fromCache = reader.bool();
                continue;
              }
              case 16: {
                if (tag !== 128) {
                  break;
                }
                message.status = reader.uint32();
                continue;
              }
              case 17: {
                if (tag !== 138) {
                  break;
                }
                message.upstreamAddress = reader.string();
                continue;
              }
              case 18: {
                if (tag !== 144) {
                  break;
                }
                message.requestBytes = longToNumber4(reader.uint64());
                continue;
              }
              case 19: {
                if (tag !== 152) {
                  break;
                }
                message.responseBytes = longToNumber4(reader.uint64());
                continue;
              }
              case 20: {
                if (tag !== 160) {
                  break;
                }
                message.durationUs = reader.uint32();
                continue;
              }
              case 21: {
                if (tag !== 170) {
                  break;
                }
                message.removedCredentials.push(reader.string());
                continue;
              }
              case 22: {
                if (tag !== 176) {
                  break;
                }
                message.scrubbed = reader.uint32();
                continue;
              }
              case 23: {
                if (tag !== 186) {
                  break;
                }
                message.instanceId = reader.string();
                continue;
              }
              case 24: {
                if (tag !== 194) {
                  break;
                }
                message.action = reader.string();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return DecisionRecord.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseDecisionRecord();
        message.id = object.id ?? "";
        message.at = object.at ?? void 0;
        message.sessionId = object.sessionId ?? "";
        message.workloads = object.workloads?.map((e) => e) || [];
        message.user = object.user ?? "";
        message.destination = object.destination !== void 0 && object.destination !== null ? Destination.fromPartial(object.destination) : void 0;
        message.serverWorkload = object.serverWorkload ?? "";
        message.method = object.method ?? "";
        message.path = object.path ?? "";
        message.outcome = object.outcome ?? 0;
        message.reason = object.reason ?? 0;
        message.accessPolicy = object.accessPolicy ?? "";
        message.credentialProvider = object.credentialProvider ?? "";
        message.grantId = object.grantId ?? "";
        message.fromCache = object.fromCache ?? false;
        message.status = object.status ?? 0;
        message.upstreamAddress = object.upstreamAddress ?? "";
        message.requestBytes = object.requestBytes ?? 0;
        message.responseBytes = object.responseBytes ?? 0;
        message.durationUs = object.durationUs ?? 0;
        message.removedCredentials = object.removedCredentials?.map((e) => e) || [];
        message.scrubbed = object.scrubbed ?? 0;
        message.instanceId = object.instanceId ?? "";
        message.action = object.action ?? "";
        return message;
      }
    };
  }
});

// proto/reasons.ts
var REASONS, BY_NUMBER;
var init_reasons = __esm({
  "proto/reasons.ts"() {
    "use strict";
    REASONS = {
      "ok": { number: 1, httpStatus: 200, summary: "Allowed.", nextStep: "Nothing to do." },
      "no-route": { number: 2, httpStatus: 403, summary: "No server workload covers this host and port.", nextStep: "Ask a platform engineer to add a ServerWorkload and an AccessPolicy for this host." },
      "no-policy": { number: 3, httpStatus: 403, summary: "No access policy allows this workload to call this server workload.", nextStep: "Ask for an AccessPolicy that connects the two." },
      "rule-denied": { number: 4, httpStatus: 403, summary: "No rule of the policy allows this call.", nextStep: "Make a call that the policy allows, by method, path and content; `sidekey explain` shows which." },
      "policy-denied": { number: 5, httpStatus: 403, summary: "A policy with effect deny matched.", nextStep: "Do not retry; ask the policy's owner." },
      "condition-failed": { number: 6, httpStatus: 403, summary: "An access condition did not hold.", nextStep: "Retry only when the condition can hold, such as inside the time window." },
      "condition-error": { number: 7, httpStatus: 403, summary: "An access condition could not be evaluated.", nextStep: "Ask the policy's owner to mend the condition." },
      "trust-insufficient": { number: 8, httpStatus: 403, summary: "The policy asks for evidence from a trust provider that this session lacks.", nextStep: "Attest with the evidence that the policy names." },
      "workload-unknown": { number: 9, httpStatus: 403, summary: "The verified claims match no client workload.", nextStep: "Ask for a ClientWorkload whose selectors match these claims." },
      "workload-revoked": { number: 10, httpStatus: 403, summary: "This workload is revoked.", nextStep: "Stop; an administrator must lift the revocation." },
      "policy-revoked": { number: 11, httpStatus: 403, summary: "The policy is revoked.", nextStep: "Stop; an administrator must lift the revocation." },
      "credential-revoked": { number: 12, httpStatus: 403, summary: "The credential is revoked.", nextStep: "Stop; an administrator must lift the revocation." },
      "user-revoked": { number: 13, httpStatus: 403, summary: "The user is revoked.", nextStep: "Stop; an administrator must lift the revocation." },
      "session-revoked": { number: 14, httpStatus: 403, summary: "The session is revoked.", nextStep: "Attest again with fresh evidence." },
      "tenant-revoked": { number: 15, httpStatus: 403, summary: "The tenant is revoked.", nextStep: "Stop; an administrator must lift the revocation." },
      "session-expired": { number: 16, httpStatus: 403, summary: "The session has expired.", nextStep: "Attest again." },
      "session-invalid": { number: 17, httpStatus: 403, summary: "The session token or its proof is not valid.", nextStep: "Attest again; if that does not help, compare the clocks of the proxy and the control plane." },
      "proof-replayed": { number: 18, httpStatus: 403, summary: "The DPoP proof was used before.", nextStep: "Make a fresh proof for each call." },
      "evidence-missing": { number: 19, httpStatus: 403, summary: "No evidence of identity was presented.", nextStep: "Configure evidence on the proxy." },
      "evidence-malformed": { number: 20, httpStatus: 403, summary: "The evidence is not a well-formed token.", nextStep: "Check the evidence file." },
      "evidence-wrong-issuer": { number: 21, httpStatus: 403, summary: "No trust provider accepts the evidence's issuer.", nextStep: "Configure a TrustProvider for this issuer." },
      "evidence-wrong-audience": { number: 22, httpStatus: 403, summary: "The evidence is meant for another audience.", nextStep: "Ask the issuer for a token with Sidekey's audience." },
      "evidence-expired": { number: 23, httpStatus: 403, summary: "The evidence has expired.", nextStep: "Present a fresh token." },
      "evidence-not-yet-valid": { number: 24, httpStatus: 403, summary: "The evidence is not valid yet.", nextStep: "Check the clocks, or wait." },
      "evidence-unknown-key": { number: 25, httpStatus: 403, summary: "The evidence is signed with a key that the issuer does not publish.", nextStep: "Check the trust provider's keys." },
      "evidence-bad-algorithm": { number: 26, httpStatus: 403, summary: "The evidence uses an algorithm that is not allowed for its key.", nextStep: "Use an asymmetric algorithm of the trust provider." },
      "evidence-bad-signature": { number: 27, httpStatus: 403, summary: "The evidence's signature does not verify.", nextStep: "Present the token as it was issued." },
      "evidence-revoked": { number: 28, httpStatus: 403, summary: "This evidence belongs to a revoked session.", nextStep: "Present fresh evidence." },
      "evidence-keys-unavailable": { number: 29, httpStatus: 503, summary: "The issuer's keys could not be fetched.", nextStep: "Retry with backoff; the control plane's log says why." },
      "trust-provider-disabled": { number: 30, httpStatus: 403, summary: "The trust provider is not enabled.", nextStep: "Enable it in the control plane." },
      "credential-unavailable": { number: 31, httpStatus: 503, summary: "The credential could not be made or fetched.", nextStep: "Retry with backoff; the credential provider may be down." },
      "credential-invalid": { number: 32, httpStatus: 502, summary: "The credential has bytes that its place does not allow.", nextStep: "Ask the credential provider's owner to mend it." },
      "control-plane-unavailable": { number: 33, httpStatus: 503, summary: "The control plane could not be reached and nothing held may be used.", nextStep: "Retry with backoff." },
      "authorize-timeout": { number: 34, httpStatus: 504, summary: "The control plane did not answer in time.", nextStep: "Retry with backoff." },
      "overloaded": { number: 35, httpStatus: 503, summary: "A limit of the proxy is reached.", nextStep: "Retry with backoff." },
      "draining": { number: 36, httpStatus: 503, summary: "The proxy is shutting down.", nextStep: "Retry on a new connection." },
      "not-ready": { number: 37, httpStatus: 503, summary: "The proxy has no policy yet.", nextStep: "Retry with backoff." },
      "proxy-authentication-required": { number: 38, httpStatus: 407, summary: "The proxy wants its token.", nextStep: "Use the proxy address as it was given." },
      "caller-refused": { number: 39, httpStatus: 403, summary: "This caller may not use the proxy.", nextStep: "Call from the agent's own process." },
      "bad-request": { number: 40, httpStatus: 400, summary: "The request is malformed or ambiguous.", nextStep: "Mend the request; the message says what is wrong." },
      "head-too-large": { number: 41, httpStatus: 431, summary: "The request's head is over the limit.", nextStep: "Send fewer or shorter headers." },
      "uri-too-long": { number: 42, httpStatus: 414, summary: "The request target is over the limit.", nextStep: "Shorten the request target." },
      "header-timeout": { number: 43, httpStatus: 408, summary: "The request's head did not arrive in time.", nextStep: "Send the head at once." },
      "body-timeout": { number: 44, httpStatus: 408, summary: "The request's body stopped arriving.", nextStep: "Send the body without long pauses." },
      "method-refused": { number: 45, httpStatus: 405, summary: "The proxy does not forward this method.", nextStep: "Use another method." },
      "upgrade-refused": { number: 46, httpStatus: 403, summary: "The proxy does not forward this upgrade.", nextStep: "Use plain HTTP/1.1." },
      "expectation-failed": { number: 47, httpStatus: 417, summary: "The expectation is not understood.", nextStep: "Send only Expect: 100-continue." },
      "destination-mismatch": { number: 48, httpStatus: 421, summary: "The connection and the request name different destinations.", nextStep: "Use one host name throughout." },
      "path-refused": { number: 49, httpStatus: 400, summary: "The path is ambiguous.", nextStep: "Send the path in its plain form, or ask for `paths` in the server workload." },
      "address-refused": { number: 50, httpStatus: 403, summary: "The host resolves to an address that the address policy refuses.", nextStep: "If the address is meant, ask for it in `allowedAddresses` of the server workload." },
      "loop-refused": { number: 51, httpStatus: 508, summary: "The call would reach Sidekey itself.", nextStep: "Call the real service." },
      "cleartext-refused": { number: 52, httpStatus: 403, summary: "A credential may not travel over cleartext.", nextStep: "Use https." },
      "binding-mismatch": { number: 53, httpStatus: 500, summary: "The grant does not cover this call.", nextStep: "Report it; this is a bug or an attack." },
      "tls-required": { number: 54, httpStatus: 403, summary: "The connection to this host is not TLS.", nextStep: "Use https." },
      "dns-failed": { number: 55, httpStatus: 502, summary: "The host name could not be resolved.", nextStep: "Check the host name, and whether the proxy's machine can resolve it; behind a corporate proxy give --upstream-proxy." },
      "connect-failed": { number: 56, httpStatus: 502, summary: "The upstream could not be reached.", nextStep: "Retry with backoff." },
      "connect-timeout": { number: 57, httpStatus: 504, summary: "The upstream did not accept the connection in time.", nextStep: "Retry with backoff." },
      "upstream-tls-failed": { number: 58, httpStatus: 502, summary: "TLS with the upstream failed: its certificate could not be verified, it refused our side, or it speaks none.", nextStep: "Check the host name and port, the server workload's authority, or the client certificate that policy injects; the message says which." },
      "upstream-malformed": { number: 59, httpStatus: 502, summary: "The upstream's answer is malformed.", nextStep: "Report it to the upstream's owner." },
      "upstream-closed": { number: 60, httpStatus: 502, summary: "The upstream closed before it had answered.", nextStep: "Retry if the call is idempotent." },
      "upstream-timeout": { number: 61, httpStatus: 504, summary: "The upstream did not answer in time.", nextStep: "Retry with backoff if the call is idempotent." },
      "response-undecodable": { number: 62, httpStatus: 502, summary: "The answer's encoding cannot be read, so it cannot be scrubbed.", nextStep: "Ask the upstream for identity encoding." },
      "agent-closed": { number: 63, httpStatus: 499, summary: "The agent went away before the answer was complete.", nextStep: "Nothing to do." },
      "internal-error": { number: 64, httpStatus: 500, summary: "A bug in Sidekey.", nextStep: "Report it with the decision id." },
      "signature-refused": { number: 65, httpStatus: 403, summary: "The request may not be signed as it is.", nextStep: "Sign in headers, for the service and region that the policy names; the message says what is wrong." },
      "signed-body-too-large": { number: 66, httpStatus: 413, summary: "The body is longer than what can be read whole, which its signature needs.", nextStep: "Send a hash of the body (x-amz-content-sha256), or a smaller body." },
      "injection-refused": { number: 68, httpStatus: 400, summary: "The request has no place for the credential that policy injects.", nextStep: "Send the path, content type and body shape that the policy names." },
      "placeholder-refused": { number: 69, httpStatus: 403, summary: "The request holds a placeholder that is not for this place.", nextStep: "Use a placeholder once, at the place and the host that it was given for." },
      "protocol-refused": { number: 80, httpStatus: 403, summary: "The connection opens with a protocol that the proxy does not forward.", nextStep: "Use HTTP, over TLS or in cleartext; a SOCKS client must speak version 5." },
      "port-refused": { number: 81, httpStatus: 403, summary: "Connections to this port are refused by configuration.", nextStep: "Ask a platform engineer whether the service can be reached in another way." },
      "upstream-proxy-failed": { number: 90, httpStatus: 502, summary: "The proxy before the upstream could not be used.", nextStep: "Check --upstream-proxy: its address, its certificate, and the user name and password." },
      "upstream-proxy-refused": { number: 91, httpStatus: 502, summary: "The proxy before the upstream does not allow this destination.", nextStep: "Ask that proxy's owner to allow the host and port, or name the host in --upstream-no-proxy." },
      "trust-withdrawn": { number: 95, httpStatus: 403, summary: "The trust provider that vouched for the session was changed or deleted.", nextStep: "Retry; the proxy attests again where it still can." },
      "version-unsupported": { number: 96, httpStatus: 503, summary: "The releases of the proxy and the control plane do not go together.", nextStep: "Ask a platform engineer to upgrade the side that the proxy's log names." },
      "body-uninspectable": { number: 70, httpStatus: 403, summary: "A rule reads the request's body, and the body cannot be read.", nextStep: "Send it plain, in UTF-8, in one piece, with its content type, and no longer than the policy reads." },
      "message-refused": { number: 71, httpStatus: 403, summary: "The message cannot be judged: it is a batch, or its head and its body disagree.", nextStep: "Send one message a request." },
      "secret-endpoint": { number: 72, httpStatus: 403, summary: "This endpoint makes or shows secrets, and no policy opens it.", nextStep: "Ask for a policy that lists it in `opens`; `sidekey explain` shows its name." },
      "answer-refused": { number: 73, httpStatus: 502, summary: "The answer lists what policy must filter, and cannot be read.", nextStep: "Report it to the upstream's owner." },
      "agent-tls-failed": { number: 97, httpStatus: 499, summary: "The agent did not agree to TLS with the proxy, most often because it does not trust the proxy's authority.", nextStep: "Start the agent with `sidekey run`, or have it trust the proxy's authority; docs/agents.md names the variable for each client." }
    };
    BY_NUMBER = new Map(
      Object.keys(REASONS).map((reason) => [REASONS[reason].number, reason])
    );
  }
});

// policy-client/records/loss-record.ts
import { randomUUID } from "node:crypto";
function lossRecord(instanceId, count, nowMs) {
  return DecisionRecord.fromPartial({
    id: randomUUID(),
    at: new Date(nowMs),
    instanceId,
    method: LOST_RECORDS_METHOD,
    path: `/${count}`,
    outcome: Outcome.OUTCOME_FAILED,
    reason: REASONS.overloaded.number
  });
}
var LOST_RECORDS_METHOD;
var init_loss_record = __esm({
  "policy-client/records/loss-record.ts"() {
    "use strict";
    init_decision();
    init_reasons();
    LOST_RECORDS_METHOD = "SIDEKEY-RECORDS-LOST";
  }
});

// policy-client/records/wire-writer.ts
function varintLength(value) {
  let length = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) length += 1;
  return length;
}
var MAX_FIELD_HEAD_BYTES, MAX_BYTES_PER_CODE_UNIT, WireWriter;
var init_wire_writer = __esm({
  "policy-client/records/wire-writer.ts"() {
    "use strict";
    MAX_FIELD_HEAD_BYTES = 15;
    MAX_BYTES_PER_CODE_UNIT = 3;
    WireWriter = class {
      #buffer = Buffer.allocUnsafeSlow(4096);
      #end = 0;
      reset() {
        this.#end = 0;
      }
      /** A copy of what was written since `reset`. */
      take() {
        return Buffer.from(this.#buffer.subarray(0, this.#end));
      }
      get length() {
        return this.#end;
      }
      /** Forgets what was written from there on. */
      truncate(length) {
        this.#end = Math.min(this.#end, length);
      }
      /** A part of what was written; lent until the next write. */
      view(start, end) {
        return this.#buffer.subarray(start, end);
      }
      /** A field that is absent when empty. */
      string(field, value) {
        if (value !== "") this.item(field, value);
      }
      /** An element of a repeated field, which is written even when empty. */
      item(field, value) {
        this.#reserve(MAX_FIELD_HEAD_BYTES + value.length * MAX_BYTES_PER_CODE_UNIT);
        this.#varint(field * 8 + 2);
        const start = this.#end;
        const length = value.length;
        const buffer = this.#buffer;
        this.#varint(length);
        let at = this.#end;
        for (let index = 0; index < length; index += 1) {
          const code = value.charCodeAt(index);
          if (code > 127) {
            this.#end = start;
            this.#utf8(value);
            return;
          }
          buffer[at] = code;
          at += 1;
        }
        this.#end = at;
      }
      #utf8(value) {
        this.#varint(Buffer.byteLength(value));
        this.#end += this.#buffer.write(value, this.#end, "utf8");
      }
      /** A field that is absent when 0; throws RangeError for what is not an unsigned integer. */
      number(field, value) {
        if (value === 0) return;
        if (!Number.isSafeInteger(value) || value < 0) throw new RangeError("a field must be an unsigned integer");
        this.#reserve(MAX_FIELD_HEAD_BYTES);
        this.#varint(field * 8);
        this.#varint(value);
      }
      bytes(field, value) {
        this.#reserve(MAX_FIELD_HEAD_BYTES + value.length);
        this.#varint(field * 8 + 2);
        this.#varint(value.length);
        this.#buffer.set(value, this.#end);
        this.#end += value.length;
      }
      /** What the other writer holds, as a nested message. */
      message(field, other) {
        this.nested(field, other.#end);
        this.#reserve(other.#end);
        other.#buffer.copy(this.#buffer, this.#end, 0, other.#end);
        this.#end += other.#end;
      }
      /** Head of a nested message of so many bytes, which the caller writes next. */
      nested(field, length) {
        this.#reserve(MAX_FIELD_HEAD_BYTES);
        this.#varint(field * 8 + 2);
        this.#varint(length);
      }
      #varint(value) {
        let rest = value;
        while (rest > 127) {
          this.#buffer[this.#end] = rest % 128 + 128;
          this.#end += 1;
          rest = Math.floor(rest / 128);
        }
        this.#buffer[this.#end] = rest;
        this.#end += 1;
      }
      #reserve(bytes) {
        if (this.#end + bytes <= this.#buffer.length) return;
        const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#end + bytes));
        this.#buffer.copy(larger, 0, 0, this.#end);
        this.#buffer = larger;
      }
    };
  }
});

// policy-client/records/record-codec.ts
var RecordCodec;
var init_record_codec = __esm({
  "policy-client/records/record-codec.ts"() {
    "use strict";
    init_wire_writer();
    RecordCodec = class {
      #nested = new WireWriter();
      /** Appends the record; on an error nothing. @throws RangeError for a number that is not an unsigned integer */
      encode(record2, writer) {
        const start = writer.length;
        try {
          this.#encode(record2, writer);
        } catch (error) {
          writer.truncate(start);
          throw error;
        }
      }
      #encode(record2, writer) {
        writer.string(1, record2.id);
        if (record2.at !== void 0) writer.message(2, this.#timestamp(record2.at.getTime()));
        writer.string(3, record2.sessionId);
        for (const workload of record2.workloads) writer.item(4, workload);
        writer.string(5, record2.user);
        if (record2.destination !== void 0) writer.message(6, this.#destination(record2.destination));
        writer.string(7, record2.serverWorkload);
        writer.string(8, record2.method);
        writer.string(9, record2.path);
        writer.number(10, record2.outcome);
        writer.number(11, record2.reason);
        writer.string(12, record2.accessPolicy);
        writer.string(13, record2.credentialProvider);
        writer.string(14, record2.grantId);
        writer.number(15, record2.fromCache ? 1 : 0);
        writer.number(16, record2.status);
        writer.string(17, record2.upstreamAddress);
        writer.number(18, record2.requestBytes);
        writer.number(19, record2.responseBytes);
        writer.number(20, record2.durationUs);
        for (const place of record2.removedCredentials) writer.item(21, place);
        writer.number(22, record2.scrubbed);
        writer.string(23, record2.instanceId);
        writer.string(24, record2.action);
      }
      #destination({ scheme, host, port }) {
        const nested = this.#nested;
        nested.reset();
        nested.string(1, scheme);
        nested.string(2, host);
        nested.number(3, port);
        return nested;
      }
      #timestamp(ms) {
        const seconds = Math.floor(ms / 1e3);
        const nested = this.#nested;
        nested.reset();
        nested.number(1, seconds);
        nested.number(2, Math.round((ms - seconds * 1e3) * 1e6));
        return nested;
      }
    };
  }
});

// policy-client/records/pending-records.ts
var MAX_REUSED_BYTES, PendingRecords;
var init_pending_records = __esm({
  "policy-client/records/pending-records.ts"() {
    "use strict";
    init_record_codec();
    init_wire_writer();
    MAX_REUSED_BYTES = 1024 * 1024;
    PendingRecords = class {
      #codec = new RecordCodec();
      #writer = new WireWriter();
      #ends = [];
      get size() {
        return this.#ends.length;
      }
      get bytes() {
        return this.#writer.length;
      }
      /** False when the record cannot be encoded or would be refused: one bad record must not take the others with it. */
      add(record2) {
        if (record2.id === "" || record2.at === void 0) return false;
        try {
          this.#codec.encode(record2, this.#writer);
        } catch {
          return false;
        }
        this.#ends.push(this.#writer.length);
        return true;
      }
      /** Bytes of the record at this index. */
      lengthOf(index) {
        return (this.#ends[index] ?? 0) - this.#startOf(index);
      }
      /** The record at this index; lent until `clear`. */
      at(index) {
        return this.#writer.view(this.#startOf(index), this.#ends[index] ?? 0);
      }
      clear() {
        this.#ends = [];
        if (this.#writer.length > MAX_REUSED_BYTES) this.#writer = new WireWriter();
        this.#writer.reset();
      }
      #startOf(index) {
        return this.#ends[index - 1] ?? 0;
      }
    };
  }
});

// policy-client/records/record-batch.ts
function batchedLength(sequence, recordBytes) {
  const length = chainedLength(sequence, recordBytes);
  return 1 + varintLength(length) + length;
}
function chainedLength(sequence, recordBytes) {
  const hashes = 2 * (1 + varintLength(HASH_BYTES2) + HASH_BYTES2);
  return 1 + varintLength(sequence) + hashes + 1 + varintLength(recordBytes) + recordBytes;
}
function headLength(field) {
  let at = 1;
  while ((field[at] ?? 0) > 127) at += 1;
  return at + 1;
}
var HASH_BYTES2, MAX_REUSED_BYTES2, RecordBatch, BatchWriter, MAX_LINK_BYTES;
var init_record_batch = __esm({
  "policy-client/records/record-batch.ts"() {
    "use strict";
    init_wire_writer();
    HASH_BYTES2 = 32;
    MAX_REUSED_BYTES2 = 1024 * 1024;
    RecordBatch = class _RecordBatch {
      /** A ReportDecisionsRequest: one field for each record. */
      bytes;
      firstSequence;
      /** Where in `bytes` each record's field ends. */
      #ends;
      constructor(firstSequence, bytes, ends) {
        this.firstSequence = firstSequence;
        this.bytes = bytes;
        this.#ends = ends;
      }
      get size() {
        return this.#ends.length;
      }
      get lastSequence() {
        return this.firstSequence + this.#ends.length - 1;
      }
      /** The records that follow `sequence`: this batch, a later part of it, or undefined for none. */
      after(sequence) {
        const dropped = sequence - this.firstSequence + 1;
        if (dropped <= 0) return this;
        const start = this.#ends[dropped - 1];
        if (start === void 0 || dropped >= this.#ends.length) return void 0;
        const ends = this.#ends.slice(dropped).map((end) => end - start);
        return new _RecordBatch(sequence + 1, this.bytes.subarray(start), ends);
      }
      /** Each ChainedRecord, without the field's head. */
      records() {
        let start = 0;
        return this.#ends.map((end, index) => {
          const field = this.bytes.subarray(start, end);
          start = end;
          return { sequence: this.firstSequence + index, bytes: field.subarray(headLength(field)) };
        });
      }
    };
    BatchWriter = class {
      #writer = new WireWriter();
      #ends = [];
      #firstSequence = 0;
      get size() {
        return this.#ends.length;
      }
      /** Bytes gathered so far. */
      get length() {
        return this.#writer.length;
      }
      /** @param record with the sequence that follows the one added before */
      add({ sequence, previousHash, hash: hash2, record: record2 }) {
        const writer = this.#writer;
        if (this.#ends.length === 0) this.#firstSequence = sequence;
        writer.nested(1, chainedLength(sequence, record2.length));
        writer.number(1, sequence);
        writer.bytes(2, previousHash);
        writer.bytes(3, hash2);
        writer.bytes(4, record2);
        this.#ends.push(writer.length);
      }
      /** What was added, if anything was; the next batch begins. */
      take() {
        if (this.#ends.length === 0) return void 0;
        const batch = new RecordBatch(this.#firstSequence, this.#writer.take(), this.#ends);
        this.#ends = [];
        if (this.#writer.length > MAX_REUSED_BYTES2) this.#writer = new WireWriter();
        this.#writer.reset();
        return batch;
      }
    };
    MAX_LINK_BYTES = batchedLength(Number.MAX_SAFE_INTEGER, 1024 * 1024) - 1024 * 1024;
  }
});

// policy-client/records/record-chain.ts
var MAX_BATCH_RECORDS, MAX_BATCH_BYTES, RecordChain;
var init_record_chain = __esm({
  "policy-client/records/record-chain.ts"() {
    "use strict";
    init_decision_chain();
    init_record_batch();
    MAX_BATCH_RECORDS = 256;
    MAX_BATCH_BYTES = 256 * 1024;
    RecordChain = class {
      #writer = new BatchWriter();
      /** Of the last record; 0 for none. */
      sequence = 0;
      /** Hash of the last record. */
      head;
      constructor(instanceId) {
        this.head = genesisHash(instanceId);
      }
      standAt(sequence, head) {
        this.sequence = sequence;
        this.head = head;
      }
      /** Adds these of the records. */
      add(records, from, to) {
        const batches = [];
        for (let index = from; index < to; index += 0) {
          this.#pack(this.#link(records.at(index)), index === to - 1, batches);
        }
        return batches;
      }
      /** Adds anew what was chained otherwise. */
      addAnew(records) {
        return this.pack(records.map(({ record: record2 }) => this.#link(record2)));
      }
      /** Batches of records that are chained already. */
      pack(records) {
        const batches = [];
        const last = records.at(-1);
        for (const record2 of records) this.#pack(record2, record2 === last, batches);
        return batches;
      }
      /** The next link. */
      #link(record2) {
        const previousHash = this.head;
        this.head = nextHash(previousHash, record2);
        this.sequence += 1;
        return { sequence: this.sequence, previousHash, hash: this.head, record: record2 };
      }
      #pack(record2, isLast, batches) {
        const writer = this.#writer;
        writer.add(record2);
        if (!isLast && writer.size < MAX_BATCH_RECORDS && writer.length < MAX_BATCH_BYTES) return;
        const batch = writer.take();
        if (batch !== void 0) batches.push(batch);
      }
    };
  }
});

// policy-client/records/recent-records.ts
var MAX_BYTES, MAX_BATCHES, RecentRecords;
var init_recent_records = __esm({
  "policy-client/records/recent-records.ts"() {
    "use strict";
    init_decision();
    MAX_BYTES = 1024 * 1024;
    MAX_BATCHES = 256;
    RecentRecords = class {
      #batches = [];
      #bytes = 0;
      /** Hash that the record after `#startsAfter` follows, should no batch tell it. */
      #startHash;
      #startsAfter = 0;
      /** The chain begins here, as far as this process knows. */
      startAt(sequence, hash2) {
        this.#startsAfter = sequence;
        this.#startHash = hash2;
      }
      /** @param batch acknowledged, to its end or in part; it follows the one before, or is a later part of it */
      add(batch) {
        const last = this.#batches.at(-1);
        if (last !== void 0 && batch.lastSequence <= last.lastSequence) return;
        this.#batches.push(batch);
        this.#bytes += batch.bytes.length;
        while (this.#batches.length > 1 && (this.#bytes > MAX_BYTES || this.#batches.length > MAX_BATCHES)) {
          this.#bytes -= this.#batches.shift()?.bytes.length ?? 0;
        }
      }
      /** Hash of the record with this sequence, which is the last acknowledged; undefined when it is not known here. */
      hashOf(sequence) {
        const record2 = this.#batches.at(-1)?.records().find((each) => each.sequence === sequence);
        if (record2 !== void 0) return ChainedRecord.decode(record2.bytes).hash;
        return sequence === this.#startsAfter ? this.#startHash : void 0;
      }
      /** Takes out what there is behind `sequence`, in order. A batch of which only a part is meant stays here as well. */
      takeAfter(sequence) {
        const taken = [];
        let last = this.#batches.at(-1);
        while (last !== void 0 && last.firstSequence > sequence) {
          this.#batches.pop();
          this.#bytes -= last.bytes.length;
          taken.unshift(last);
          last = this.#batches.at(-1);
        }
        const rest = last?.after(sequence);
        if (rest !== void 0) taken.unshift(rest);
        const [first] = taken[0]?.records() ?? [];
        if (first !== void 0) this.startAt(first.sequence - 1, ChainedRecord.decode(first.bytes).previousHash);
        return taken;
      }
    };
  }
});

// policy-client/records/record-room.ts
function fits(kind, calls, bytes, maxBytes) {
  return bytes < SHARES[kind] * maxBytes && bytes + calls * CALL_BYTES <= maxBytes;
}
function mayHaveGoneOut({ grantId, upstreamAddress }) {
  return grantId !== "" || upstreamAddress !== "";
}
var SHARES, CALL_BYTES, RecordRoom;
var init_record_room = __esm({
  "policy-client/records/record-room.ts"() {
    "use strict";
    init_record_batch();
    SHARES = { call: 7 / 8, refused: 1 / 2 };
    CALL_BYTES = 1024;
    RecordRoom = class {
      #maxMemoryBytes;
      #spool;
      constructor(maxMemoryBytes, spool) {
        this.#maxMemoryBytes = maxMemoryBytes;
        this.#spool = spool;
      }
      /** How many of the records, which follow `sequence` in the chain, fit into memory that holds so many bytes. */
      countFitting(records, sequence, memoryBytes) {
        let bytes = memoryBytes;
        for (let index = 0; index < records.size; index += 1) {
          bytes += batchedLength(sequence + index + 1, records.lengthOf(index));
          if (bytes > this.#maxMemoryBytes) return index;
        }
        return records.size;
      }
      /**
       * Whether there is a place for the record of one call more, which goes out or was refused, beside those of the `calls` that
       * are under way. `memoryBytes`: undefined where new records may not go to memory.
       */
      isLeft(kind, calls, pending, memoryBytes) {
        const pendingBytes = pending.bytes + pending.size * MAX_LINK_BYTES;
        const spool = this.#spool;
        const takesSpool = spool !== void 0 && !spool.isFailing;
        if (takesSpool && fits(kind, calls, spool.bytes + pendingBytes, spool.maxBytes)) return true;
        return memoryBytes !== void 0 && fits(kind, calls, memoryBytes + pendingBytes, this.#maxMemoryBytes);
      }
    };
  }
});

// policy-client/records/record-queue.ts
var MAX_PENDING, RecordQueue;
var init_record_queue = __esm({
  "policy-client/records/record-queue.ts"() {
    "use strict";
    init_loss_record();
    init_pending_records();
    init_record_chain();
    init_recent_records();
    init_record_room();
    MAX_PENDING = 1024;
    RecordQueue = class {
      #options;
      #room;
      #pending = new PendingRecords();
      #marker = new PendingRecords();
      #chain;
      /** On their way, oldest first; the first follows what is acknowledged. */
      #sent = [];
      /** What follows them in memory. */
      #waiting = [];
      #memoryBytes = 0;
      #acked = 0;
      #recent = new RecentRecords();
      #unreportedLosses = 0;
      /** The chain's head is not known, so nothing can be added to it. */
      #resumed = false;
      /** What the control plane has of a resumed chain is not known, so nothing of it can be sent. */
      awaitsHead = false;
      lost = 0;
      delivered = 0;
      constructor(options) {
        this.#options = options;
        this.#room = new RecordRoom(options.maxMemoryBytes, options.spool);
        this.#chain = new RecordChain(options.instanceId);
        this.#recent.startAt(0, this.#chain.head);
      }
      get memoryBytes() {
        return this.#memoryBytes;
      }
      /** Last sequence that is acknowledged; 0 for none. */
      get acked() {
        return this.#acked;
      }
      /** Records on their way. */
      get inFlight() {
        return (this.#sent.at(-1)?.lastSequence ?? this.#acked) - this.#acked;
      }
      /** Records not acknowledged yet, those that are lost left out. */
      get backlog() {
        return this.#pending.size + (this.#chain.sequence - this.#acked);
      }
      /** Whether one call more would be recorded, beside the `calls` that are under way. */
      hasRoomFor(kind, calls) {
        const memoryBytes = this.#hasUnloaded() ? void 0 : this.#memoryBytes;
        return this.#room.isLeft(kind, calls, this.#pending, memoryBytes);
      }
      get unreportedLosses() {
        return this.#unreportedLosses;
      }
      /** Goes on with what a loaded spool holds; nothing may have been pushed before. */
      resume() {
        const { spool } = this.#options;
        if (spool === void 0 || spool.lastSequence === 0) return;
        this.#acked = spool.firstSequence - 1;
        this.#chain.sequence = spool.lastSequence;
        this.#resumed = true;
        this.awaitsHead = true;
      }
      /**
       * The control plane's chain ends here: the dead process may have sent more than it knew. True when a resumed queue goes on
       * from there; false when it has gone on already, or the control plane has lost what comes before its first record.
       */
      goOnAfter({ sequence, hash: hash2 }) {
        if (!this.awaitsHead) return false;
        this.awaitsHead = false;
        const { spool } = this.#options;
        if (sequence < this.#acked && spool?.readAfter(this.#acked)[0]?.sequence === this.#acked + 1) return false;
        const stored = Math.min(sequence, this.#chain.sequence);
        this.delivered += Math.max(stored - this.#acked, 0);
        this.#acked = stored;
        this.#recent.startAt(stored, hash2);
        spool?.release(stored);
        return true;
      }
      push(record2) {
        record2.instanceId = this.#options.instanceId;
        const hasPlace = mayHaveGoneOut(record2) || this.hasRoomFor("refused", 0);
        if (!hasPlace || !this.#pending.add(record2)) this.#lose(1);
        if (this.#pending.size >= MAX_PENDING) this.flush();
      }
      /** Chains what is pending. */
      flush() {
        if (this.#resumed) return;
        const pending = this.#pending;
        const placed = this.#reportLosses() ? this.#place(pending) : 0;
        this.#lose(pending.size - placed);
        pending.clear();
      }
      #lose(count) {
        this.lost += count;
        this.#unreportedLosses += count;
      }
      /** False when the record of the losses found no place. */
      #reportLosses() {
        if (this.#unreportedLosses === 0) return true;
        this.#marker.clear();
        if (!this.#marker.add(this.#lossRecord(this.#unreportedLosses)) || this.#place(this.#marker) === 0) return false;
        this.#unreportedLosses = 0;
        return true;
      }
      /** Gives the first records a place, in order; returns how many found one. */
      #place(records) {
        const fitting = this.#hasUnloaded() ? 0 : this.#room.countFitting(records, this.#chain.sequence, this.#memoryBytes);
        this.#chain.add(records, 0, fitting).forEach((batch) => this.#keep(batch));
        const { spool } = this.#options;
        if (fitting === records.size || spool === void 0) return fitting;
        const { sequence, head } = this.#chain;
        const rest = this.#chain.add(records, fitting, records.size);
        if (spool.append(rest.flatMap((batch) => batch.records()))) return records.size;
        this.#chain.standAt(sequence, head);
        return fitting;
      }
      #keep(batch) {
        this.#waiting.push(batch);
        this.#memoryBytes += batch.bytes.length;
      }
      /** True when the spool holds records that follow those in memory. */
      #hasUnloaded() {
        const last = this.#waiting.at(-1) ?? this.#sent.at(-1);
        return (this.#options.spool?.lastSequence ?? 0) > (last?.lastSequence ?? this.#acked);
      }
      /** The next records to send, which count as on their way from now on. */
      next() {
        if (this.awaitsHead) return void 0;
        if (this.#sent.length + this.#waiting.length === 0) this.#load();
        const batch = this.#waiting.shift();
        if (batch !== void 0) this.#sent.push(batch);
        return batch;
      }
      #load() {
        const { spool } = this.#options;
        if (spool === void 0 || !this.#hasUnloaded()) return;
        let records = spool.readAfter(this.#acked);
        if (!this.#follows(records[0])) {
          if (!this.#mend(spool)) return;
          records = spool.readAfter(this.#acked);
        }
        this.#chain.pack(records).forEach((batch) => this.#keep(batch));
      }
      #follows(record2) {
        const head = this.#recent.hashOf(this.#acked);
        return record2?.sequence === this.#acked + 1 && (head === void 0 || record2.previousHash.equals(head));
      }
      /**
       * Something on disk cannot be read any more. The control plane takes no chain with a gap, and none of these records is
       * stored there yet: they are chained anew after the last one that is, with a record of the loss where the others were.
       */
      #mend(spool) {
        const ackedHash = this.#recent.hashOf(this.#acked);
        if (ackedHash === void 0) return false;
        const { sequence, head } = this.#chain;
        this.#chain.standAt(this.#acked, ackedHash);
        let lost = 0;
        const mended = spool.rewrite(this.#acked, (missing, records) => {
          lost += missing;
          this.#marker.clear();
          if (missing > 0) this.#marker.add(this.#lossRecord(missing));
          const batches = [...this.#chain.add(this.#marker, 0, this.#marker.size), ...this.#chain.addAnew(records)];
          return batches.flatMap((batch) => batch.records());
        });
        if (mended) this.lost += lost;
        else this.#chain.standAt(sequence, head);
        return mended;
      }
      /** The stream is gone: what was on its way goes out again. */
      rewind() {
        this.#waiting.unshift(...this.#sent.splice(0));
      }
      /** Everything up to this sequence is stored; what was never sent cannot be. */
      acknowledge(sequence) {
        const before = this.#acked;
        let first = this.#sent[0];
        while (first !== void 0 && first.firstSequence <= sequence) {
          this.#recent.add(first);
          const rest = first.after(sequence);
          this.#memoryBytes -= first.bytes.length - (rest?.bytes.length ?? 0);
          this.#acked = Math.min(first.lastSequence, sequence);
          if (rest === void 0) this.#sent.shift();
          else this.#sent[0] = rest;
          first = this.#sent[0];
        }
        if (this.#acked === before) return;
        this.delivered += this.#acked - before;
        this.#options.spool?.release(this.#acked);
      }
      /**
       * The control plane has lost what it had acknowledged behind `sequence`: what is still at hand of it goes out again. Gives
       * how many records are not.
       */
      fallBack(sequence) {
        this.rewind();
        const lost = this.#recent.takeAfter(sequence);
        const [first, last] = [lost[0], lost.at(-1)];
        if (first === void 0 || last === void 0) return this.#acked - sequence;
        if ((this.#waiting[0]?.firstSequence ?? Infinity) <= last.lastSequence) {
          this.#memoryBytes -= this.#waiting.shift()?.bytes.length ?? 0;
        }
        this.#waiting.unshift(...lost);
        this.#memoryBytes += lost.reduce((sum, { bytes }) => sum + bytes.length, 0);
        this.delivered -= this.#acked - first.firstSequence + 1;
        this.#acked = first.firstSequence - 1;
        return this.#acked - sequence;
      }
      /** Puts on disk what is in memory alone; false when it found no room. */
      spill() {
        const { spool } = this.#options;
        if (spool === void 0) return false;
        return [...this.#sent, ...this.#waiting].every(
          (batch) => spool.holds(batch.firstSequence) || spool.append(batch.records())
        );
      }
      /** Called now and then while there is a backlog. */
      touch() {
        this.#options.spool?.touch();
      }
      close() {
        this.#options.spool?.close();
      }
      #lossRecord(count) {
        return lossRecord(this.#options.instanceId, count, this.#options.nowMs());
      }
    };
  }
});

// common/folder.ts
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
function makeFolder(folder, mode) {
  const missing = [];
  for (let at = dirname(resolve(folder)); !existsSync(at); at = dirname(at)) missing.push(at);
  for (const one of missing.reverse()) makeOne(one, mode);
  makeOne(folder, mode);
}
function makeOne(folder, mode) {
  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    if (!existsSync(folder) || !statSync(folder).isDirectory()) throw error;
  }
}
var init_folder = __esm({
  "common/folder.ts"() {
    "use strict";
  }
});

// policy-client/records/spool-segment.ts
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
function pathOf(dir2, first) {
  return join(dir2, `${String(first).padStart(16, "0")}.records`);
}
function writeDraft(dir2, records) {
  const first = records[0]?.sequence ?? 0;
  const last = records.at(-1)?.sequence ?? first;
  const path = pathOf(dir2, first);
  const bytes = Buffer.concat(records.map(frame));
  const draftPath = path + DRAFT_SUFFIX;
  try {
    writeFileSync(draftPath, bytes, { mode: 384 });
  } catch (error) {
    rmSync(draftPath, { force: true });
    throw error;
  }
  return { draftPath, segment: { path, first, last, bytes: bytes.length } };
}
function frame({ bytes }) {
  const framed = Buffer.allocUnsafe(LENGTH_BYTES + bytes.length);
  framed.writeUInt32BE(bytes.length, 0);
  framed.set(bytes, LENGTH_BYTES);
  return framed;
}
function readSegment(path) {
  const bytes = readFileSync(path);
  const records = [];
  let offset = 0;
  let readThrough = 0;
  while (offset + LENGTH_BYTES <= bytes.length) {
    const end = offset + LENGTH_BYTES + bytes.readUInt32BE(offset);
    const record2 = end > bytes.length ? void 0 : decodeRecord(bytes.subarray(offset + LENGTH_BYTES, end));
    if (record2 === void 0) {
      offset += 1;
      continue;
    }
    records.push(record2);
    readThrough = offset = end;
  }
  return { records, lacksEnd: readThrough < bytes.length };
}
function readRuns(path, sequence) {
  const runs = [];
  for (const record2 of readSegment(path).records) {
    if (record2.sequence <= sequence) continue;
    const run2 = runs.at(-1);
    if (run2?.at(-1)?.sequence === record2.sequence - 1) run2?.push(record2);
    else runs.push([record2]);
  }
  return runs;
}
function readRunsIfThere(path, sequence) {
  try {
    return readRuns(path, sequence);
  } catch {
    return [];
  }
}
function decodeRecord(bytes) {
  if (bytes.length < MIN_RECORD_BYTES || bytes.length > MAX_RECORD_BYTES) return void 0;
  try {
    const record2 = ChainedRecord.decode(bytes);
    return nextHash(record2.previousHash, record2.record).equals(record2.hash) ? record2 : void 0;
  } catch {
    return void 0;
  }
}
var LENGTH_BYTES, MIN_RECORD_BYTES, MAX_RECORD_BYTES, DRAFT_SUFFIX;
var init_spool_segment = __esm({
  "policy-client/records/spool-segment.ts"() {
    "use strict";
    init_decision_chain();
    init_decision();
    LENGTH_BYTES = 4;
    MIN_RECORD_BYTES = 2 * 32;
    MAX_RECORD_BYTES = 1024 * 1024;
    DRAFT_SUFFIX = ".draft";
  }
});

// policy-client/records/spool.ts
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync as rmSync2,
  rmdirSync,
  statSync as statSync2,
  unlinkSync,
  utimesSync,
  writeSync
} from "node:fs";
import { join as join2 } from "node:path";
function lastOf(path, first) {
  const { lacksEnd, records } = readSegment(path);
  return (records.at(-1)?.sequence ?? first - 1) + (lacksEnd ? 1 : 0);
}
var MAX_SEGMENT_BYTES, SEGMENT_NAME, FREED_AT_MS, REAL_FILES, Spool;
var init_spool = __esm({
  "policy-client/records/spool.ts"() {
    "use strict";
    init_folder();
    init_spool_segment();
    MAX_SEGMENT_BYTES = 1024 * 1024;
    SEGMENT_NAME = /^\d{16}\.records$/;
    FREED_AT_MS = 0;
    REAL_FILES = { write: (file, bytes) => writeSync(file, bytes) };
    Spool = class {
      #dir;
      /** What it may take on disk. */
      maxBytes;
      #files;
      #segments = [];
      #open;
      #bytes = 0;
      errors = 0;
      /** The last write failed. */
      isFailing = false;
      constructor(dir2, maxBytes, files = REAL_FILES) {
        this.#dir = dir2;
        this.maxBytes = maxBytes;
        this.#files = files;
      }
      get bytes() {
        return this.#bytes;
      }
      /** Last sequence on disk; 0 for none. */
      get lastSequence() {
        return this.#segments.at(-1)?.last ?? 0;
      }
      get firstSequence() {
        return this.#segments[0]?.first ?? 0;
      }
      holds(sequence) {
        return this.#segments.some(({ first, last }) => first <= sequence && sequence <= last);
      }
      /** Shows other processes that this one lives, so that they do not claim its records. */
      touch() {
        if (this.#segments.length > 0) this.#setLifeSign(Date.now());
      }
      #setLifeSign(atMs) {
        try {
          utimesSync(this.#dir, atMs / 1e3, atMs / 1e3);
        } catch {
          this.errors += 1;
        }
      }
      /** Finds what an earlier process left here. */
      load() {
        const names2 = readdirSync(this.#dir).sort();
        for (const name of names2.filter((entry) => entry.endsWith(DRAFT_SUFFIX))) unlinkSync(join2(this.#dir, name));
        for (const name of names2.filter((entry) => SEGMENT_NAME.test(entry))) {
          const path = join2(this.#dir, name);
          const bytes = statSync2(path).size;
          const first = Number.parseInt(name, 10);
          if (bytes === 0) unlinkSync(path);
          else this.#add({ path, first, last: lastOf(path, first), bytes });
        }
      }
      /** Writes all of these records, which are in order, or none of them; false when there is no room. */
      append(records) {
        const [first] = records;
        if (first === void 0) return true;
        const bytes = Buffer.concat(records.map(frame));
        if (this.#bytes + bytes.length > this.maxBytes) return false;
        try {
          const open = this.#segmentFor(first.sequence);
          this.#writeAll(open, bytes);
          open.segment.last = records.at(-1)?.sequence ?? first.sequence;
          open.segment.bytes += bytes.length;
        } catch {
          this.errors += 1;
          this.isFailing = true;
          return false;
        }
        this.isFailing = false;
        this.#bytes += bytes.length;
        return true;
      }
      /** Records of the first segment that ends after `sequence`, up to one that cannot be read. */
      readAfter(sequence) {
        const segment = this.#segments.find(({ last }) => last > sequence);
        if (segment === void 0) return [];
        if (this.#open?.segment === segment) this.#closeOpen();
        try {
          return readRuns(segment.path, sequence)[0] ?? [];
        } catch {
          this.errors += 1;
          return [];
        }
      }
      /** Deletes what ends at or before `sequence`. */
      release(sequence) {
        const done = this.#segments.filter(({ last }) => last <= sequence);
        for (const segment of done) {
          if (this.#open?.segment === segment) this.#closeOpen();
          try {
            rmSync2(segment.path, { force: true });
          } catch {
            this.errors += 1;
          }
          this.#bytes -= segment.bytes;
        }
        if (done.length > 0) this.#segments = this.#segments.filter(({ last }) => last > sequence);
      }
      /**
       * Puts what `rechain` makes of the records after `sequence` in their place: it is given how many are missing, and those
       * that can be read after the gap. False when the disk does not take it; then nothing has changed.
       */
      rewrite(sequence, rechain) {
        this.#closeOpen();
        const { lastSequence } = this;
        const old = this.#segments;
        const drafts = [];
        let held = sequence;
        try {
          for (const { path } of old) {
            const written = [];
            for (const run2 of readRunsIfThere(path, held)) {
              written.push(...rechain((run2[0]?.sequence ?? 0) - held - 1, run2));
              held = run2.at(-1)?.sequence ?? held;
            }
            if (written.length > 0) drafts.push(writeDraft(this.#dir, written));
          }
          if (held < lastSequence) drafts.push(writeDraft(this.#dir, rechain(lastSequence - held, [])));
        } catch {
          this.errors += 1;
          for (const { draftPath } of drafts) rmSync2(draftPath, { force: true });
          return false;
        }
        this.#segments = drafts.map(({ segment }) => segment);
        this.#bytes = this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
        this.#putInPlace(drafts, old);
        return true;
      }
      /** Nothing goes before what follows it is there: a crash in between may repeat records, and loses none. */
      #putInPlace(drafts, old) {
        const kept = new Set(drafts.map(({ segment }) => segment.path));
        try {
          for (const { draftPath, segment } of drafts) renameSync(draftPath, segment.path);
          for (const { path } of old) if (!kept.has(path)) rmSync2(path, { force: true });
        } catch {
          this.errors += 1;
        }
      }
      /** Ends writing; removes the directory when nothing is left in it, or frees it for the next process at once. */
      close() {
        this.#closeOpen();
        if (this.#segments.length > 0) return this.#setLifeSign(FREED_AT_MS);
        try {
          rmdirSync(this.#dir);
        } catch {
        }
      }
      #writeAll({ file, segment }, bytes) {
        let written = 0;
        try {
          while (written < bytes.length) {
            const count = this.#files.write(file, bytes.subarray(written));
            if (count <= 0) throw new Error("nothing was written");
            written += count;
          }
        } catch (error) {
          this.#undo(file, segment);
          throw error;
        }
      }
      /** Takes a half-written frame off again, or leaves the segment to its reader, which stops at the torn frame. */
      #undo(file, segment) {
        try {
          ftruncateSync(file, segment.bytes);
        } catch {
          this.errors += 1;
        }
        this.#closeOpen();
        if (segment.bytes > 0) return;
        rmSync2(segment.path, { force: true });
        this.#segments = this.#segments.filter((other) => other !== segment);
      }
      #segmentFor(sequence) {
        const open = this.#open;
        if (open !== void 0 && open.segment.last + 1 === sequence && open.segment.bytes < MAX_SEGMENT_BYTES) return open;
        this.#closeOpen();
        makeFolder(this.#dir, 448);
        const path = pathOf(this.#dir, sequence);
        const file = openSync(path, "wx", 384);
        const segment = { path, first: sequence, last: sequence - 1, bytes: 0 };
        this.#add(segment);
        this.#open = { file, segment };
        return this.#open;
      }
      #add(segment) {
        this.#segments.push(segment);
        this.#segments.sort((a, b) => a.first - b.first);
        this.#bytes += segment.bytes;
      }
      #closeOpen() {
        if (this.#open !== void 0) closeSync(this.#open.file);
        this.#open = void 0;
      }
    };
  }
});

// proto/gen/sidekey/v1/grant.ts
import { BinaryReader as BinaryReader5, BinaryWriter as BinaryWriter5 } from "@bufbuild/protobuf/wire";
function createBaseGrant() {
  return {
    id: "",
    binding: void 0,
    notAfter: void 0,
    cacheLease: void 0,
    maxUses: 0,
    policyVersion: 0,
    failMode: void 0,
    accessPolicy: "",
    credentialProvider: "",
    injections: [],
    credentialProviders: []
  };
}
function createBaseBinding() {
  return { sessionId: "", workloads: [], user: "", serverWorkload: "", destination: void 0, method: "", path: "" };
}
function createBaseInjection() {
  return { kind: void 0 };
}
function createBaseBearerInjection() {
  return { token: Buffer.alloc(0) };
}
function createBaseBasicInjection() {
  return { username: "", password: Buffer.alloc(0) };
}
function createBaseHeaderInjection() {
  return { name: "", prefix: "", value: Buffer.alloc(0), suffix: "" };
}
function createBaseQueryInjection() {
  return { name: "", value: Buffer.alloc(0) };
}
function createBaseCookieInjection() {
  return { name: "", value: Buffer.alloc(0) };
}
function createBasePathSegmentInjection() {
  return { index: 0, prefix: "", suffix: "", value: Buffer.alloc(0) };
}
function createBaseFormFieldInjection() {
  return { name: "", value: Buffer.alloc(0) };
}
function createBaseJsonFieldInjection() {
  return { pointer: "", value: Buffer.alloc(0) };
}
function createBasePlaceholderInjection() {
  return { placeholders: [], place: void 0, value: Buffer.alloc(0) };
}
function createBaseClientCertificateInjection() {
  return { certificatePem: "", privateKey: Buffer.alloc(0) };
}
function createBaseOauthTokenInjection() {
  return { path: "", placeholder: "", expiresInSeconds: 0 };
}
function createBaseAwsSigV4Injection() {
  return {
    accessKeyId: "",
    secretAccessKey: Buffer.alloc(0),
    sessionToken: Buffer.alloc(0),
    service: "",
    regions: [],
    algorithm: 0
  };
}
function createBaseHmacInjection() {
  return { key: Buffer.alloc(0), algorithm: "", encoding: "", timestamp: "", signed: "", headers: [] };
}
function createBaseHmacHeader() {
  return { name: "", value: "" };
}
function createBaseDpopInjection() {
  return { accessToken: Buffer.alloc(0), privateKey: Buffer.alloc(0) };
}
function createBaseDenial() {
  return { reason: 0, message: "", accessPolicy: "", cacheLease: void 0 };
}
function toTimestamp2(date) {
  const seconds = Math.trunc(date.getTime() / 1e3);
  const nanos = date.getTime() % 1e3 * 1e6;
  return { seconds, nanos };
}
function fromTimestamp2(t) {
  let millis = (t.seconds || 0) * 1e3;
  millis += (t.nanos || 0) / 1e6;
  return new globalThis.Date(millis);
}
function longToNumber5(int64) {
  const num = globalThis.Number(int64.toString());
  if (num > globalThis.Number.MAX_SAFE_INTEGER) {
    throw new globalThis.Error("Value is larger than Number.MAX_SAFE_INTEGER");
  }
  if (num < globalThis.Number.MIN_SAFE_INTEGER) {
    throw new globalThis.Error("Value is smaller than Number.MIN_SAFE_INTEGER");
  }
  return num;
}
var Grant, Binding, Injection, BearerInjection, BasicInjection, HeaderInjection, QueryInjection, CookieInjection, PathSegmentInjection, FormFieldInjection, JsonFieldInjection, PlaceholderInjection, ClientCertificateInjection, OauthTokenInjection, AwsSigV4Injection, HmacInjection, HmacHeader, DpopInjection, Denial;
var init_grant = __esm({
  "proto/gen/sidekey/v1/grant.ts"() {
    "use strict";
    init_duration();
    init_timestamp();
    init_reason();
    init_route();
    Grant = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.id !== "") {
          writer.uint32(10).string(message.id);
        }
        if (message.binding !== void 0) {
          Binding.encode(message.binding, writer.uint32(18).fork()).join();
        }
        if (message.notAfter !== void 0) {
          Timestamp.encode(toTimestamp2(message.notAfter), writer.uint32(34).fork()).join();
        }
        if (message.cacheLease !== void 0) {
          Duration.encode(message.cacheLease, writer.uint32(42).fork()).join();
        }
        if (message.maxUses !== 0) {
          writer.uint32(48).uint32(message.maxUses);
        }
        if (message.policyVersion !== 0) {
          writer.uint32(56).uint64(message.policyVersion);
        }
        if (message.failMode !== void 0) {
          FailMode.encode(message.failMode, writer.uint32(66).fork()).join();
        }
        if (message.accessPolicy !== "") {
          writer.uint32(74).string(message.accessPolicy);
        }
        if (message.credentialProvider !== "") {
          writer.uint32(82).string(message.credentialProvider);
        }
        for (const v of message.injections) {
          Injection.encode(v, writer.uint32(90).fork()).join();
        }
        for (const v of message.credentialProviders) {
          writer.uint32(98).string(v);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseGrant();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.id = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.binding = Binding.decode(reader, reader.uint32());
                continue;
              }
              case 4: {
                if (tag !== 34) {
                  break;
                }
                message.notAfter = fromTimestamp2(Timestamp.decode(reader, reader.uint32()));
                continue;
              }
              case 5: {
                if (tag !== 42) {
                  break;
                }
                message.cacheLease = Duration.decode(reader, reader.uint32());
                continue;
              }
              case 6: {
                if (tag !== 48) {
                  break;
                }
                message.maxUses = reader.uint32();
                continue;
              }
              case 7: {
                if (tag !== 56) {
                  break;
                }
                message.policyVersion = longToNumber5(reader.uint64());
                continue;
              }
              case 8: {
                if (tag !== 66) {
                  break;
                }
                message.failMode = FailMode.decode(reader, reader.uint32());
                continue;
              }
              case 9: {
                if (tag !== 74) {
                  break;
                }
                message.accessPolicy = reader.string();
                continue;
              }
              case 10: {
                if (tag !== 82) {
                  break;
                }
                message.credentialProvider = reader.string();
                continue;
              }
              case 11: {
                if (tag !== 90) {
                  break;
                }
                message.injections.push(Injection.decode(reader, reader.uint32()));
                continue;
              }
              case 12: {
                if (tag !== 98) {
                  break;
                }
                message.credentialProviders.push(reader.string());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return Grant.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseGrant();
        message.id = object.id ?? "";
        message.binding = object.binding !== void 0 && object.binding !== null ? Binding.fromPartial(object.binding) : void 0;
        message.notAfter = object.notAfter ?? void 0;
        message.cacheLease = object.cacheLease !== void 0 && object.cacheLease !== null ? Duration.fromPartial(object.cacheLease) : void 0;
        message.maxUses = object.maxUses ?? 0;
        message.policyVersion = object.policyVersion ?? 0;
        message.failMode = object.failMode !== void 0 && object.failMode !== null ? FailMode.fromPartial(object.failMode) : void 0;
        message.accessPolicy = object.accessPolicy ?? "";
        message.credentialProvider = object.credentialProvider ?? "";
        message.injections = object.injections?.map((e) => Injection.fromPartial(e)) || [];
        message.credentialProviders = object.credentialProviders?.map((e) => e) || [];
        return message;
      }
    };
    Binding = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.sessionId !== "") {
          writer.uint32(10).string(message.sessionId);
        }
        for (const v of message.workloads) {
          writer.uint32(18).string(v);
        }
        if (message.user !== "") {
          writer.uint32(26).string(message.user);
        }
        if (message.serverWorkload !== "") {
          writer.uint32(34).string(message.serverWorkload);
        }
        if (message.destination !== void 0) {
          Destination.encode(message.destination, writer.uint32(42).fork()).join();
        }
        if (message.method !== "") {
          writer.uint32(50).string(message.method);
        }
        if (message.path !== "") {
          writer.uint32(58).string(message.path);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseBinding();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.sessionId = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.workloads.push(reader.string());
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.user = reader.string();
                continue;
              }
              case 4: {
                if (tag !== 34) {
                  break;
                }
                message.serverWorkload = reader.string();
                continue;
              }
              case 5: {
                if (tag !== 42) {
                  break;
                }
                message.destination = Destination.decode(reader, reader.uint32());
                continue;
              }
              case 6: {
                if (tag !== 50) {
                  break;
                }
                message.method = reader.string();
                continue;
              }
              case 7: {
                if (tag !== 58) {
                  break;
                }
                message.path = reader.string();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return Binding.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseBinding();
        message.sessionId = object.sessionId ?? "";
        message.workloads = object.workloads?.map((e) => e) || [];
        message.user = object.user ?? "";
        message.serverWorkload = object.serverWorkload ?? "";
        message.destination = object.destination !== void 0 && object.destination !== null ? Destination.fromPartial(object.destination) : void 0;
        message.method = object.method ?? "";
        message.path = object.path ?? "";
        return message;
      }
    };
    Injection = {
      encode(message, writer = new BinaryWriter5()) {
        switch (message.kind?.$case) {
          case "bearer":
            BearerInjection.encode(message.kind.value, writer.uint32(10).fork()).join();
            break;
          case "basic":
            BasicInjection.encode(message.kind.value, writer.uint32(18).fork()).join();
            break;
          case "header":
            HeaderInjection.encode(message.kind.value, writer.uint32(26).fork()).join();
            break;
          case "query":
            QueryInjection.encode(message.kind.value, writer.uint32(34).fork()).join();
            break;
          case "cookie":
            CookieInjection.encode(message.kind.value, writer.uint32(42).fork()).join();
            break;
          case "pathSegment":
            PathSegmentInjection.encode(message.kind.value, writer.uint32(50).fork()).join();
            break;
          case "formField":
            FormFieldInjection.encode(message.kind.value, writer.uint32(58).fork()).join();
            break;
          case "jsonField":
            JsonFieldInjection.encode(message.kind.value, writer.uint32(66).fork()).join();
            break;
          case "placeholder":
            PlaceholderInjection.encode(message.kind.value, writer.uint32(74).fork()).join();
            break;
          case "awsSigv4":
            AwsSigV4Injection.encode(message.kind.value, writer.uint32(82).fork()).join();
            break;
          case "hmac":
            HmacInjection.encode(message.kind.value, writer.uint32(90).fork()).join();
            break;
          case "clientCertificate":
            ClientCertificateInjection.encode(message.kind.value, writer.uint32(98).fork()).join();
            break;
          case "dpop":
            DpopInjection.encode(message.kind.value, writer.uint32(106).fork()).join();
            break;
          case "oauthToken":
            OauthTokenInjection.encode(message.kind.value, writer.uint32(114).fork()).join();
            break;
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseInjection();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.kind = { $case: "bearer", value: BearerInjection.decode(reader, reader.uint32()) };
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.kind = { $case: "basic", value: BasicInjection.decode(reader, reader.uint32()) };
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.kind = { $case: "header", value: HeaderInjection.decode(reader, reader.uint32()) };
                continue;
              }
              case 4: {
                if (tag !== 34) {
                  break;
                }
                message.kind = { $case: "query", value: QueryInjection.decode(reader, reader.uint32()) };
                continue;
              }
              case 5: {
                if (tag !== 42) {
                  break;
                }
                message.kind = { $case: "cookie", value: CookieInjection.decode(reader, reader.uint32()) };
                continue;
              }
              case 6: {
                if (tag !== 50) {
                  break;
                }
                message.kind = { $case: "pathSegment", value: PathSegmentInjection.decode(reader, reader.uint32()) };
                continue;
              }
              case 7: {
                if (tag !== 58) {
                  break;
                }
                message.kind = { $case: "formField", value: FormFieldInjection.decode(reader, reader.uint32()) };
                continue;
              }
              case 8: {
                if (tag !== 66) {
                  break;
                }
                message.kind = { $case: "jsonField", value: JsonFieldInjection.decode(reader, reader.uint32()) };
                continue;
              }
              case 9: {
                if (tag !== 74) {
                  break;
                }
                message.kind = { $case: "placeholder", value: PlaceholderInjection.decode(reader, reader.uint32()) };
                continue;
              }
              case 10: {
                if (tag !== 82) {
                  break;
                }
                message.kind = { $case: "awsSigv4", value: AwsSigV4Injection.decode(reader, reader.uint32()) };
                continue;
              }
              case 11: {
                if (tag !== 90) {
                  break;
                }
                message.kind = { $case: "hmac", value: HmacInjection.decode(reader, reader.uint32()) };
                continue;
              }
              case 12: {
                if (tag !== 98) {
                  break;
                }
                message.kind = {
                  $case: "clientCertificate",
                  value: ClientCertificateInjection.decode(reader, reader.uint32())
                };
                continue;
              }
              case 13: {
                if (tag !== 106) {
                  break;
                }
                message.kind = { $case: "dpop", value: DpopInjection.decode(reader, reader.uint32()) };
                continue;
              }
              case 14: {
                if (tag !== 114) {
                  break;
                }
                message.kind = { $case: "oauthToken", value: OauthTokenInjection.decode(reader, reader.uint32()) };
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return Injection.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseInjection();
        switch (object.kind?.$case) {
          case "bearer": {
            if (object.kind?.value !== void 0 && object.kind?.value !== null) {
              message.kind = { $case: "bearer", value: BearerInjection.fromPartial(object.kind.value) };
            }
            break;
          }
          case "basic": {
            if (object.kind?.value !== void 0 && object.kind?.value !== null) {
              message.kind = { $case: "basic", value: BasicInjection.fromPartial(object.kind.value) };
            }
            break;
          }
          case "header": {
            if (object.kind?.value !== void 0 && object.kind?.value !== null) {
              message.kind = { $case: "header", value: HeaderInjection.fromPartial(object.kind.value) };
            }
            break;
          }
          case "query": {
            if (object.kind?.value !== void 0 && object.kind?.value !== null) {
              message.kind = { $case: "query", value: QueryInjection.fromPartial(object.kind.value) };
            }
            break;
          }
          case "cookie": {
            if (object.kind?.value !== void 0 && object.kind?.value !== null) {
              message.kind = { $case: "cookie", value: CookieInjection.fromPartial(object.kind.value) };
            }
            break;
          }
          case "pathSegment": {
            if (object.kind?.value !== void 0 && object.kind?.value !== null) {
              message.kind = { $case: "pathSegment", value: PathSegmentInjection.fromPartial(object.kind.value) };
            }
            break;
          }
          case "formField": {
            if (object.kind?.value !== void 0 && object.kind?.value !== null) {
              message.kind = { $case: "formField", value: FormFieldInjection.fromPartial(object.kind.value) };
            }
            break;
          }
          case "jsonField": {
            if (object.kind?.value !== void 0 && object.kind?.value !== null) {
              message.kind = { $case: "jsonField", value: JsonFieldInjection.fromPartial(object.kind.value) };
            }
            break;
          }
          case "placeholder": {
            if (object.kind?.value !== void 0 && object.kind?.value !== null) {
              message.kind = { $case: "placeholder", value: PlaceholderInjection.fromPartial(object.kind.value) };
            }
            break;
          }
          case "awsSigv4": {
            if (object.kind?.value !== void 0 && object.kind?.value !== null) {
              message.kind = { $case: "awsSigv4", value: AwsSigV4Injection.fromPartial(object.kind.value) };
            }
            break;
          }
          case "hmac": {
            if (object.kind?.value !== void 0 && object.kind?.value !== null) {
              message.kind = { $case: "hmac", value: HmacInjection.fromPartial(object.kind.value) };
            }
            break;
          }
          case "clientCertificate": {
            if (object.kind?.value !== void 0 && object.kind?.value !== null) {
              message.kind = {
                $case: "clientCertificate",
                value: ClientCertificateInjection.fromPartial(object.kind.value)
              };
            }
            break;
          }
          case "dpop": {
            if (object.kind?.value !== void 0 && object.kind?.value !== null) {
              message.kind = { $case: "dpop", value: DpopInjection.fromPartial(object.kind.value) };
            }
            break;
          }
          case "oauthToken": {
            if (object.kind?.value !== void 0 && object.kind?.value !== null) {
              message.kind = { $case: "oauthToken", value: OauthTokenInjection.fromPartial(object.kind.value) };
            }
            break;
          }
        }
        return message;
      }
    };
    BearerInjection = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.token.length !== 0) {
          writer.uint32(10).bytes(message.token);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseBearerInjection();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.token = Buffer.from(reader.bytes());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return BearerInjection.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseBearerInjection();
        message.token = object.token ?? Buffer.alloc(0);
        return message;
      }
    };
    BasicInjection = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.username !== "") {
          writer.uint32(10).string(message.username);
        }
        if (message.password.length !== 0) {
          writer.uint32(18).bytes(message.password);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseBasicInjection();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.username = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.password = Buffer.from(reader.bytes());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return BasicInjection.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseBasicInjection();
        message.username = object.username ?? "";
        message.password = object.password ?? Buffer.alloc(0);
        return message;
      }
    };
    HeaderInjection = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.name !== "") {
          writer.uint32(10).string(message.name);
        }
        if (message.prefix !== "") {
          writer.uint32(18).string(message.prefix);
        }
        if (message.value.length !== 0) {
          writer.uint32(26).bytes(message.value);
        }
        if (message.suffix !== "") {
          writer.uint32(34).string(message.suffix);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseHeaderInjection();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.name = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.prefix = reader.string();
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.value = Buffer.from(reader.bytes());
                continue;
              }
              case 4: {
                if (tag !== 34) {
                  break;
                }
                message.suffix = reader.string();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return HeaderInjection.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseHeaderInjection();
        message.name = object.name ?? "";
        message.prefix = object.prefix ?? "";
        message.value = object.value ?? Buffer.alloc(0);
        message.suffix = object.suffix ?? "";
        return message;
      }
    };
    QueryInjection = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.name !== "") {
          writer.uint32(10).string(message.name);
        }
        if (message.value.length !== 0) {
          writer.uint32(18).bytes(message.value);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseQueryInjection();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.name = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.value = Buffer.from(reader.bytes());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return QueryInjection.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseQueryInjection();
        message.name = object.name ?? "";
        message.value = object.value ?? Buffer.alloc(0);
        return message;
      }
    };
    CookieInjection = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.name !== "") {
          writer.uint32(10).string(message.name);
        }
        if (message.value.length !== 0) {
          writer.uint32(18).bytes(message.value);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseCookieInjection();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.name = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.value = Buffer.from(reader.bytes());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return CookieInjection.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseCookieInjection();
        message.name = object.name ?? "";
        message.value = object.value ?? Buffer.alloc(0);
        return message;
      }
    };
    PathSegmentInjection = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.index !== 0) {
          writer.uint32(8).uint32(message.index);
        }
        if (message.prefix !== "") {
          writer.uint32(18).string(message.prefix);
        }
        if (message.suffix !== "") {
          writer.uint32(26).string(message.suffix);
        }
        if (message.value.length !== 0) {
          writer.uint32(34).bytes(message.value);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBasePathSegmentInjection();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 8) {
                  break;
                }
                message.index = reader.uint32();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.prefix = reader.string();
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.suffix = reader.string();
                continue;
              }
              case 4: {
                if (tag !== 34) {
                  break;
                }
                message.value = Buffer.from(reader.bytes());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return PathSegmentInjection.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBasePathSegmentInjection();
        message.index = object.index ?? 0;
        message.prefix = object.prefix ?? "";
        message.suffix = object.suffix ?? "";
        message.value = object.value ?? Buffer.alloc(0);
        return message;
      }
    };
    FormFieldInjection = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.name !== "") {
          writer.uint32(10).string(message.name);
        }
        if (message.value.length !== 0) {
          writer.uint32(18).bytes(message.value);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseFormFieldInjection();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.name = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.value = Buffer.from(reader.bytes());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return FormFieldInjection.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseFormFieldInjection();
        message.name = object.name ?? "";
        message.value = object.value ?? Buffer.alloc(0);
        return message;
      }
    };
    JsonFieldInjection = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.pointer !== "") {
          writer.uint32(10).string(message.pointer);
        }
        if (message.value.length !== 0) {
          writer.uint32(18).bytes(message.value);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseJsonFieldInjection();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.pointer = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.value = Buffer.from(reader.bytes());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return JsonFieldInjection.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseJsonFieldInjection();
        message.pointer = object.pointer ?? "";
        message.value = object.value ?? Buffer.alloc(0);
        return message;
      }
    };
    PlaceholderInjection = {
      encode(message, writer = new BinaryWriter5()) {
        for (const v of message.placeholders) {
          writer.uint32(10).string(v);
        }
        if (message.place !== void 0) {
          PlaceholderPlace.encode(message.place, writer.uint32(18).fork()).join();
        }
        if (message.value.length !== 0) {
          writer.uint32(26).bytes(message.value);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBasePlaceholderInjection();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.placeholders.push(reader.string());
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.place = PlaceholderPlace.decode(reader, reader.uint32());
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.value = Buffer.from(reader.bytes());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return PlaceholderInjection.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBasePlaceholderInjection();
        message.placeholders = object.placeholders?.map((e) => e) || [];
        message.place = object.place !== void 0 && object.place !== null ? PlaceholderPlace.fromPartial(object.place) : void 0;
        message.value = object.value ?? Buffer.alloc(0);
        return message;
      }
    };
    ClientCertificateInjection = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.certificatePem !== "") {
          writer.uint32(10).string(message.certificatePem);
        }
        if (message.privateKey.length !== 0) {
          writer.uint32(18).bytes(message.privateKey);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseClientCertificateInjection();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.certificatePem = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.privateKey = Buffer.from(reader.bytes());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return ClientCertificateInjection.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseClientCertificateInjection();
        message.certificatePem = object.certificatePem ?? "";
        message.privateKey = object.privateKey ?? Buffer.alloc(0);
        return message;
      }
    };
    OauthTokenInjection = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.path !== "") {
          writer.uint32(10).string(message.path);
        }
        if (message.placeholder !== "") {
          writer.uint32(18).string(message.placeholder);
        }
        if (message.expiresInSeconds !== 0) {
          writer.uint32(24).uint32(message.expiresInSeconds);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseOauthTokenInjection();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.path = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.placeholder = reader.string();
                continue;
              }
              case 3: {
                if (tag !== 24) {
                  break;
                }
                message.expiresInSeconds = reader.uint32();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return OauthTokenInjection.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseOauthTokenInjection();
        message.path = object.path ?? "";
        message.placeholder = object.placeholder ?? "";
        message.expiresInSeconds = object.expiresInSeconds ?? 0;
        return message;
      }
    };
    AwsSigV4Injection = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.accessKeyId !== "") {
          writer.uint32(10).string(message.accessKeyId);
        }
        if (message.secretAccessKey.length !== 0) {
          writer.uint32(18).bytes(message.secretAccessKey);
        }
        if (message.sessionToken.length !== 0) {
          writer.uint32(26).bytes(message.sessionToken);
        }
        if (message.service !== "") {
          writer.uint32(34).string(message.service);
        }
        for (const v of message.regions) {
          writer.uint32(42).string(v);
        }
        if (message.algorithm !== 0) {
          writer.uint32(48).int32(message.algorithm);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseAwsSigV4Injection();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.accessKeyId = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.secretAccessKey = Buffer.from(reader.bytes());
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.sessionToken = Buffer.from(reader.bytes());
                continue;
              }
              case 4: {
                if (tag !== 34) {
                  break;
                }
                message.service = reader.string();
                continue;
              }
              case 5: {
                if (tag !== 42) {
                  break;
                }
                message.regions.push(reader.string());
                continue;
              }
              case 6: {
                if (tag !== 48) {
                  break;
                }
                message.algorithm = reader.int32();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return AwsSigV4Injection.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseAwsSigV4Injection();
        message.accessKeyId = object.accessKeyId ?? "";
        message.secretAccessKey = object.secretAccessKey ?? Buffer.alloc(0);
        message.sessionToken = object.sessionToken ?? Buffer.alloc(0);
        message.service = object.service ?? "";
        message.regions = object.regions?.map((e) => e) || [];
        message.algorithm = object.algorithm ?? 0;
        return message;
      }
    };
    HmacInjection = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.key.length !== 0) {
          writer.uint32(10).bytes(message.key);
        }
        if (message.algorithm !== "") {
          writer.uint32(18).string(message.algorithm);
        }
        if (message.encoding !== "") {
          writer.uint32(26).string(message.encoding);
        }
        if (message.timestamp !== "") {
          writer.uint32(34).string(message.timestamp);
        }
        if (message.signed !== "") {
          writer.uint32(42).string(message.signed);
        }
        for (const v of message.headers) {
          HmacHeader.encode(v, writer.uint32(50).fork()).join();
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseHmacInjection();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.key = Buffer.from(reader.bytes());
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.algorithm = reader.string();
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.encoding = reader.string();
                continue;
              }
              case 4: {
                if (tag !== 34) {
                  break;
                }
                message.timestamp = reader.string();
                continue;
              }
              case 5: {
                if (tag !== 42) {
                  break;
                }
                message.signed = reader.string();
                continue;
              }
              case 6: {
                if (tag !== 50) {
                  break;
                }
                message.headers.push(HmacHeader.decode(reader, reader.uint32()));
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return HmacInjection.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseHmacInjection();
        message.key = object.key ?? Buffer.alloc(0);
        message.algorithm = object.algorithm ?? "";
        message.encoding = object.encoding ?? "";
        message.timestamp = object.timestamp ?? "";
        message.signed = object.signed ?? "";
        message.headers = object.headers?.map((e) => HmacHeader.fromPartial(e)) || [];
        return message;
      }
    };
    HmacHeader = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.name !== "") {
          writer.uint32(10).string(message.name);
        }
        if (message.value !== "") {
          writer.uint32(18).string(message.value);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseHmacHeader();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.name = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.value = reader.string();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return HmacHeader.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseHmacHeader();
        message.name = object.name ?? "";
        message.value = object.value ?? "";
        return message;
      }
    };
    DpopInjection = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.accessToken.length !== 0) {
          writer.uint32(10).bytes(message.accessToken);
        }
        if (message.privateKey.length !== 0) {
          writer.uint32(18).bytes(message.privateKey);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseDpopInjection();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.accessToken = Buffer.from(reader.bytes());
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.privateKey = Buffer.from(reader.bytes());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return DpopInjection.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseDpopInjection();
        message.accessToken = object.accessToken ?? Buffer.alloc(0);
        message.privateKey = object.privateKey ?? Buffer.alloc(0);
        return message;
      }
    };
    Denial = {
      encode(message, writer = new BinaryWriter5()) {
        if (message.reason !== 0) {
          writer.uint32(8).int32(message.reason);
        }
        if (message.message !== "") {
          writer.uint32(18).string(message.message);
        }
        if (message.accessPolicy !== "") {
          writer.uint32(26).string(message.accessPolicy);
        }
        if (message.cacheLease !== void 0) {
          Duration.encode(message.cacheLease, writer.uint32(34).fork()).join();
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader5 ? input : new BinaryReader5(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseDenial();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 8) {
                  break;
                }
                message.reason = reader.int32();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.message = reader.string();
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.accessPolicy = reader.string();
                continue;
              }
              case 4: {
                if (tag !== 34) {
                  break;
                }
                message.cacheLease = Duration.decode(reader, reader.uint32());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return Denial.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseDenial();
        message.reason = object.reason ?? 0;
        message.message = object.message ?? "";
        message.accessPolicy = object.accessPolicy ?? "";
        message.cacheLease = object.cacheLease !== void 0 && object.cacheLease !== null ? Duration.fromPartial(object.cacheLease) : void 0;
        return message;
      }
    };
  }
});

// proto/gen/sidekey/v1/proxy.ts
import { BinaryReader as BinaryReader6, BinaryWriter as BinaryWriter6 } from "@bufbuild/protobuf/wire";
import {
  makeGenericClientConstructor
} from "@grpc/grpc-js";
function createBaseEvidence() {
  return { kind: "", token: Buffer.alloc(0), subject: 0 };
}
function createBaseAttestRequest() {
  return {
    tenant: "",
    evidence: [],
    proxyKey: Buffer.alloc(0),
    proof: "",
    instanceId: "",
    proxyVersion: "",
    wantCertificateAuthority: false
  };
}
function createBaseAttestResponse() {
  return {
    sessionId: "",
    sessionToken: "",
    notAfter: void 0,
    renewAfter: void 0,
    workloads: [],
    user: "",
    claimsJson: "",
    eventKeyJson: "",
    eventKeyId: "",
    certificateAuthority: void 0,
    controlPlaneVersion: ""
  };
}
function createBaseCertificateAuthority() {
  return { chain: [], notAfter: void 0, permittedHosts: [] };
}
function createBaseWatchRequest() {
  return { knownVersion: 0 };
}
function createBaseWatchResponse() {
  return { event: Buffer.alloc(0), signature: Buffer.alloc(0), keyId: "" };
}
function createBaseAuthorizeRequest() {
  return { id: 0, destination: void 0, http: void 0, deadlineMs: 0, policyVersion: 0, dryRun: false };
}
function createBaseAuthorizeResponse() {
  return { id: 0, outcome: void 0 };
}
function createBaseReportDecisionsRequest() {
  return { records: [], missingAfter: void 0 };
}
function createBaseReportDecisionsResponse() {
  return { ackedSequence: 0, held: void 0 };
}
function toTimestamp3(date) {
  const seconds = Math.trunc(date.getTime() / 1e3);
  const nanos = date.getTime() % 1e3 * 1e6;
  return { seconds, nanos };
}
function fromTimestamp3(t) {
  let millis = (t.seconds || 0) * 1e3;
  millis += (t.nanos || 0) / 1e6;
  return new globalThis.Date(millis);
}
function longToNumber6(int64) {
  const num = globalThis.Number(int64.toString());
  if (num > globalThis.Number.MAX_SAFE_INTEGER) {
    throw new globalThis.Error("Value is larger than Number.MAX_SAFE_INTEGER");
  }
  if (num < globalThis.Number.MIN_SAFE_INTEGER) {
    throw new globalThis.Error("Value is smaller than Number.MIN_SAFE_INTEGER");
  }
  return num;
}
var Evidence, AttestRequest, AttestResponse, CertificateAuthority, WatchRequest, WatchResponse, AuthorizeRequest, AuthorizeResponse, ReportDecisionsRequest, ReportDecisionsResponse, ProxyServiceService, ProxyServiceClient;
var init_proxy = __esm({
  "proto/gen/sidekey/v1/proxy.ts"() {
    "use strict";
    init_duration();
    init_timestamp();
    init_decision();
    init_grant();
    init_route();
    Evidence = {
      encode(message, writer = new BinaryWriter6()) {
        if (message.kind !== "") {
          writer.uint32(10).string(message.kind);
        }
        if (message.token.length !== 0) {
          writer.uint32(18).bytes(message.token);
        }
        if (message.subject !== 0) {
          writer.uint32(24).int32(message.subject);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader6 ? input : new BinaryReader6(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseEvidence();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.kind = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.token = Buffer.from(reader.bytes());
                continue;
              }
              case 3: {
                if (tag !== 24) {
                  break;
                }
                message.subject = reader.int32();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return Evidence.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseEvidence();
        message.kind = object.kind ?? "";
        message.token = object.token ?? Buffer.alloc(0);
        message.subject = object.subject ?? 0;
        return message;
      }
    };
    AttestRequest = {
      encode(message, writer = new BinaryWriter6()) {
        if (message.tenant !== "") {
          writer.uint32(10).string(message.tenant);
        }
        for (const v of message.evidence) {
          Evidence.encode(v, writer.uint32(18).fork()).join();
        }
        if (message.proxyKey.length !== 0) {
          writer.uint32(26).bytes(message.proxyKey);
        }
        if (message.proof !== "") {
          writer.uint32(34).string(message.proof);
        }
        if (message.instanceId !== "") {
          writer.uint32(42).string(message.instanceId);
        }
        if (message.proxyVersion !== "") {
          writer.uint32(50).string(message.proxyVersion);
        }
        if (message.wantCertificateAuthority !== false) {
          writer.uint32(56).bool(message.wantCertificateAuthority);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader6 ? input : new BinaryReader6(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseAttestRequest();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.tenant = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.evidence.push(Evidence.decode(reader, reader.uint32()));
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.proxyKey = Buffer.from(reader.bytes());
                continue;
              }
              case 4: {
                if (tag !== 34) {
                  break;
                }
                message.proof = reader.string();
                continue;
              }
              case 5: {
                if (tag !== 42) {
                  break;
                }
                message.instanceId = reader.string();
                continue;
              }
              case 6: {
                if (tag !== 50) {
                  break;
                }
                message.proxyVersion = reader.string();
                continue;
              }
              case 7: {
                if (tag !== 56) {
                  break;
                }
                message.wantCertificateAuthority = reader.bool();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return AttestRequest.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseAttestRequest();
        message.tenant = object.tenant ?? "";
        message.evidence = object.evidence?.map((e) => Evidence.fromPartial(e)) || [];
        message.proxyKey = object.proxyKey ?? Buffer.alloc(0);
        message.proof = object.proof ?? "";
        message.instanceId = object.instanceId ?? "";
        message.proxyVersion = object.proxyVersion ?? "";
        message.wantCertificateAuthority = object.wantCertificateAuthority ?? false;
        return message;
      }
    };
    AttestResponse = {
      encode(message, writer = new BinaryWriter6()) {
        if (message.sessionId !== "") {
          writer.uint32(10).string(message.sessionId);
        }
        if (message.sessionToken !== "") {
          writer.uint32(18).string(message.sessionToken);
        }
        if (message.notAfter !== void 0) {
          Timestamp.encode(toTimestamp3(message.notAfter), writer.uint32(26).fork()).join();
        }
        if (message.renewAfter !== void 0) {
          Timestamp.encode(toTimestamp3(message.renewAfter), writer.uint32(34).fork()).join();
        }
        for (const v of message.workloads) {
          writer.uint32(42).string(v);
        }
        if (message.user !== "") {
          writer.uint32(50).string(message.user);
        }
        if (message.claimsJson !== "") {
          writer.uint32(58).string(message.claimsJson);
        }
        if (message.eventKeyJson !== "") {
          writer.uint32(66).string(message.eventKeyJson);
        }
        if (message.eventKeyId !== "") {
          writer.uint32(74).string(message.eventKeyId);
        }
        if (message.certificateAuthority !== void 0) {
          CertificateAuthority.encode(message.certificateAuthority, writer.uint32(82).fork()).join();
        }
        if (message.controlPlaneVersion !== "") {
          writer.uint32(90).string(message.controlPlaneVersion);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader6 ? input : new BinaryReader6(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseAttestResponse();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.sessionId = reader.string();
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.sessionToken = reader.string();
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.notAfter = fromTimestamp3(Timestamp.decode(reader, reader.uint32()));
                continue;
              }
              case 4: {
                if (tag !== 34) {
                  break;
                }
                message.renewAfter = fromTimestamp3(Timestamp.decode(reader, reader.uint32()));
                continue;
              }
              case 5: {
                if (tag !== 42) {
                  break;
                }
                message.workloads.push(reader.string());
                continue;
              }
              case 6: {
                if (tag !== 50) {
                  break;
                }
                message.user = reader.string();
                continue;
              }
              case 7: {
                if (tag !== 58) {
                  break;
                }
                message.claimsJson = reader.string();
                continue;
              }
              case 8: {
                if (tag !== 66) {
                  break;
                }
                message.eventKeyJson = reader.string();
                continue;
              }
              case 9: {
                if (tag !== 74) {
                  break;
                }
                message.eventKeyId = reader.string();
                continue;
              }
              case 10: {
                if (tag !== 82) {
                  break;
                }
                message.certificateAuthority = CertificateAuthority.decode(reader, reader.uint32());
                continue;
              }
              case 11: {
                if (tag !== 90) {
                  break;
                }
                message.controlPlaneVersion = reader.string();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return AttestResponse.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseAttestResponse();
        message.sessionId = object.sessionId ?? "";
        message.sessionToken = object.sessionToken ?? "";
        message.notAfter = object.notAfter ?? void 0;
        message.renewAfter = object.renewAfter ?? void 0;
        message.workloads = object.workloads?.map((e) => e) || [];
        message.user = object.user ?? "";
        message.claimsJson = object.claimsJson ?? "";
        message.eventKeyJson = object.eventKeyJson ?? "";
        message.eventKeyId = object.eventKeyId ?? "";
        message.certificateAuthority = object.certificateAuthority !== void 0 && object.certificateAuthority !== null ? CertificateAuthority.fromPartial(object.certificateAuthority) : void 0;
        message.controlPlaneVersion = object.controlPlaneVersion ?? "";
        return message;
      }
    };
    CertificateAuthority = {
      encode(message, writer = new BinaryWriter6()) {
        for (const v of message.chain) {
          writer.uint32(10).bytes(v);
        }
        if (message.notAfter !== void 0) {
          Timestamp.encode(toTimestamp3(message.notAfter), writer.uint32(18).fork()).join();
        }
        for (const v of message.permittedHosts) {
          writer.uint32(26).string(v);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader6 ? input : new BinaryReader6(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseCertificateAuthority();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.chain.push(Buffer.from(reader.bytes()));
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.notAfter = fromTimestamp3(Timestamp.decode(reader, reader.uint32()));
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.permittedHosts.push(reader.string());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return CertificateAuthority.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseCertificateAuthority();
        message.chain = object.chain?.map((e) => e) || [];
        message.notAfter = object.notAfter ?? void 0;
        message.permittedHosts = object.permittedHosts?.map((e) => e) || [];
        return message;
      }
    };
    WatchRequest = {
      encode(message, writer = new BinaryWriter6()) {
        if (message.knownVersion !== 0) {
          writer.uint32(8).uint64(message.knownVersion);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader6 ? input : new BinaryReader6(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseWatchRequest();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 8) {
                  break;
                }
                message.knownVersion = longToNumber6(reader.uint64());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return WatchRequest.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseWatchRequest();
        message.knownVersion = object.knownVersion ?? 0;
        return message;
      }
    };
    WatchResponse = {
      encode(message, writer = new BinaryWriter6()) {
        if (message.event.length !== 0) {
          writer.uint32(10).bytes(message.event);
        }
        if (message.signature.length !== 0) {
          writer.uint32(18).bytes(message.signature);
        }
        if (message.keyId !== "") {
          writer.uint32(26).string(message.keyId);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader6 ? input : new BinaryReader6(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseWatchResponse();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.event = Buffer.from(reader.bytes());
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.signature = Buffer.from(reader.bytes());
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.keyId = reader.string();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return WatchResponse.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseWatchResponse();
        message.event = object.event ?? Buffer.alloc(0);
        message.signature = object.signature ?? Buffer.alloc(0);
        message.keyId = object.keyId ?? "";
        return message;
      }
    };
    AuthorizeRequest = {
      encode(message, writer = new BinaryWriter6()) {
        if (message.id !== 0) {
          writer.uint32(8).uint64(message.id);
        }
        if (message.destination !== void 0) {
          Destination.encode(message.destination, writer.uint32(18).fork()).join();
        }
        if (message.http !== void 0) {
          HttpRequestFacts.encode(message.http, writer.uint32(26).fork()).join();
        }
        if (message.deadlineMs !== 0) {
          writer.uint32(32).uint32(message.deadlineMs);
        }
        if (message.policyVersion !== 0) {
          writer.uint32(40).uint64(message.policyVersion);
        }
        if (message.dryRun !== false) {
          writer.uint32(48).bool(message.dryRun);
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader6 ? input : new BinaryReader6(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseAuthorizeRequest();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 8) {
                  break;
                }
                message.id = longToNumber6(reader.uint64());
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.destination = Destination.decode(reader, reader.uint32());
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.http = HttpRequestFacts.decode(reader, reader.uint32());
                continue;
              }
              case 4: {
                if (tag !== 32) {
                  break;
                }
                message.deadlineMs = reader.uint32();
                continue;
              }
              case 5: {
                if (tag !== 40) {
                  break;
                }
                message.policyVersion = longToNumber6(reader.uint64());
                continue;
              }
              case 6: {
                if (tag !== 48) {
                  break;
                }
                message.dryRun = reader.bool();
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return AuthorizeRequest.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseAuthorizeRequest();
        message.id = object.id ?? 0;
        message.destination = object.destination !== void 0 && object.destination !== null ? Destination.fromPartial(object.destination) : void 0;
        message.http = object.http !== void 0 && object.http !== null ? HttpRequestFacts.fromPartial(object.http) : void 0;
        message.deadlineMs = object.deadlineMs ?? 0;
        message.policyVersion = object.policyVersion ?? 0;
        message.dryRun = object.dryRun ?? false;
        return message;
      }
    };
    AuthorizeResponse = {
      encode(message, writer = new BinaryWriter6()) {
        if (message.id !== 0) {
          writer.uint32(8).uint64(message.id);
        }
        switch (message.outcome?.$case) {
          case "grant":
            Grant.encode(message.outcome.value, writer.uint32(18).fork()).join();
            break;
          case "denial":
            Denial.encode(message.outcome.value, writer.uint32(26).fork()).join();
            break;
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader6 ? input : new BinaryReader6(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseAuthorizeResponse();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 8) {
                  break;
                }
                message.id = longToNumber6(reader.uint64());
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.outcome = { $case: "grant", value: Grant.decode(reader, reader.uint32()) };
                continue;
              }
              case 3: {
                if (tag !== 26) {
                  break;
                }
                message.outcome = { $case: "denial", value: Denial.decode(reader, reader.uint32()) };
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return AuthorizeResponse.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseAuthorizeResponse();
        message.id = object.id ?? 0;
        switch (object.outcome?.$case) {
          case "grant": {
            if (object.outcome?.value !== void 0 && object.outcome?.value !== null) {
              message.outcome = { $case: "grant", value: Grant.fromPartial(object.outcome.value) };
            }
            break;
          }
          case "denial": {
            if (object.outcome?.value !== void 0 && object.outcome?.value !== null) {
              message.outcome = { $case: "denial", value: Denial.fromPartial(object.outcome.value) };
            }
            break;
          }
        }
        return message;
      }
    };
    ReportDecisionsRequest = {
      encode(message, writer = new BinaryWriter6()) {
        for (const v of message.records) {
          ChainedRecord.encode(v, writer.uint32(10).fork()).join();
        }
        if (message.missingAfter !== void 0) {
          ChainHead.encode(message.missingAfter, writer.uint32(18).fork()).join();
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader6 ? input : new BinaryReader6(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseReportDecisionsRequest();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 10) {
                  break;
                }
                message.records.push(ChainedRecord.decode(reader, reader.uint32()));
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.missingAfter = ChainHead.decode(reader, reader.uint32());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return ReportDecisionsRequest.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseReportDecisionsRequest();
        message.records = object.records?.map((e) => ChainedRecord.fromPartial(e)) || [];
        message.missingAfter = object.missingAfter !== void 0 && object.missingAfter !== null ? ChainHead.fromPartial(object.missingAfter) : void 0;
        return message;
      }
    };
    ReportDecisionsResponse = {
      encode(message, writer = new BinaryWriter6()) {
        if (message.ackedSequence !== 0) {
          writer.uint32(8).uint64(message.ackedSequence);
        }
        if (message.held !== void 0) {
          ChainHead.encode(message.held, writer.uint32(18).fork()).join();
        }
        return writer;
      },
      decode(input, length) {
        const reader = input instanceof BinaryReader6 ? input : new BinaryReader6(input);
        const previousRecursionDepth = reader.__tsProtoDecodeDepth ?? 0;
        if (previousRecursionDepth >= 100) {
          throw new globalThis.Error("protobuf decode recursion limit exceeded");
        }
        reader.__tsProtoDecodeDepth = previousRecursionDepth + 1;
        try {
          const end = length === void 0 ? reader.len : reader.pos + length;
          const message = createBaseReportDecisionsResponse();
          while (reader.pos < end) {
            const tag = reader.uint32();
            switch (tag >>> 3) {
              case 1: {
                if (tag !== 8) {
                  break;
                }
                message.ackedSequence = longToNumber6(reader.uint64());
                continue;
              }
              case 2: {
                if (tag !== 18) {
                  break;
                }
                message.held = ChainHead.decode(reader, reader.uint32());
                continue;
              }
            }
            if ((tag & 7) === 4 || tag === 0) {
              break;
            }
            reader.skip(tag & 7);
          }
          return message;
        } finally {
          reader.__tsProtoDecodeDepth = previousRecursionDepth;
        }
      },
      create(base) {
        return ReportDecisionsResponse.fromPartial(base ?? {});
      },
      fromPartial(object) {
        const message = createBaseReportDecisionsResponse();
        message.ackedSequence = object.ackedSequence ?? 0;
        message.held = object.held !== void 0 && object.held !== null ? ChainHead.fromPartial(object.held) : void 0;
        return message;
      }
    };
    ProxyServiceService = {
      /** Turns evidence of identity into a short-lived session bound to the proxy's key. */
      attest: {
        path: "/sidekey.v1.ProxyService/Attest",
        requestStream: false,
        responseStream: false,
        requestSerialize: (value) => Buffer.from(AttestRequest.encode(value).finish()),
        requestDeserialize: (value) => AttestRequest.decode(value),
        responseSerialize: (value) => Buffer.from(AttestResponse.encode(value).finish()),
        responseDeserialize: (value) => AttestResponse.decode(value)
      },
      /** A full snapshot of routes first, then changes, revocations and heartbeats as they happen. */
      watch: {
        path: "/sidekey.v1.ProxyService/Watch",
        requestStream: false,
        responseStream: true,
        requestSerialize: (value) => Buffer.from(WatchRequest.encode(value).finish()),
        requestDeserialize: (value) => WatchRequest.decode(value),
        responseSerialize: (value) => Buffer.from(WatchResponse.encode(value).finish()),
        responseDeserialize: (value) => WatchResponse.decode(value)
      },
      /** Many questions in flight on one stream, answered in any order. */
      authorize: {
        path: "/sidekey.v1.ProxyService/Authorize",
        requestStream: true,
        responseStream: true,
        requestSerialize: (value) => Buffer.from(AuthorizeRequest.encode(value).finish()),
        requestDeserialize: (value) => AuthorizeRequest.decode(value),
        responseSerialize: (value) => Buffer.from(AuthorizeResponse.encode(value).finish()),
        responseDeserialize: (value) => AuthorizeResponse.decode(value)
      },
      /** At-least-once delivery of decision records, in order, hash-chained for each proxy instance. */
      reportDecisions: {
        path: "/sidekey.v1.ProxyService/ReportDecisions",
        requestStream: true,
        responseStream: true,
        requestSerialize: (value) => Buffer.from(ReportDecisionsRequest.encode(value).finish()),
        requestDeserialize: (value) => ReportDecisionsRequest.decode(value),
        responseSerialize: (value) => Buffer.from(ReportDecisionsResponse.encode(value).finish()),
        responseDeserialize: (value) => ReportDecisionsResponse.decode(value)
      }
    };
    ProxyServiceClient = makeGenericClientConstructor(
      ProxyServiceService,
      "sidekey.v1.ProxyService"
    );
  }
});

// test/unit/policy-client/records/record-queue.test.ts
var record_queue_test_exports = {};
import { mkdtempSync, rmSync as rmSync3, statSync as statSync3, utimesSync as utimesSync2, writeSync as writeSync2 } from "node:fs";
import { tmpdir } from "node:os";
import { join as join3 } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "/tmp/mutants/shim.mjs";
function queueOf(maxMemoryBytes, spool) {
  return new RecordQueue({ instanceId: "i", maxMemoryBytes, spool, nowMs: () => 1e3 });
}
function drain(queue, chain = { sequence: 0, head: genesisHash("i") }) {
  const ids = [];
  for (let batch = queue.next(); batch !== void 0; batch = queue.next()) {
    for (const link of ReportDecisionsRequest.decode(batch.bytes).records) {
      chain.sequence += 1;
      expect(link.sequence).toBe(chain.sequence);
      expect(link.previousHash.equals(chain.head)).toBe(true);
      chain.head = nextHash(link.previousHash, link.record);
      expect(link.hash.equals(chain.head)).toBe(true);
      const { id, method, path, instanceId } = DecisionRecord.decode(link.record);
      expect(instanceId).toBe("i");
      ids.push(method === LOST_RECORDS_METHOD ? `lost ${path.slice(1)}` : id);
    }
  }
  return ids;
}
var dir, record, names;
var init_record_queue_test = __esm({
  "test/unit/policy-client/records/record-queue.test.ts"() {
    "use strict";
    init_decision_chain();
    init_loss_record();
    init_record_queue();
    init_spool();
    init_decision();
    init_proxy();
    beforeEach(() => {
      dir = mkdtempSync(join3(tmpdir(), "sidekey-queue-"));
    });
    afterEach(() => rmSync3(dir, { recursive: true, force: true }));
    record = (id, changes = {}) => DecisionRecord.fromPartial({ id, at: /* @__PURE__ */ new Date(0), ...changes });
    names = (from, to) => Array.from({ length: to - from }, (_, index) => `r${from + index}`);
    describe("RecordQueue", () => {
      it("sends what was pushed, in order and in batches", () => {
        const queue = queueOf(1e9);
        for (const id of names(0, 700)) queue.push(record(id));
        expect(queue.backlog).toBe(700);
        queue.flush();
        expect(drain(queue)).toEqual(names(0, 700));
        expect(queue.inFlight).toBe(700);
        queue.acknowledge(700);
        expect([queue.backlog, queue.inFlight, queue.delivered, queue.memoryBytes]).toEqual([0, 0, 700, 0]);
      });
      it("sends again what was not acknowledged, from the middle of a batch too", () => {
        const queue = queueOf(1e9);
        for (const id of names(0, 5)) queue.push(record(id));
        queue.flush();
        drain(queue);
        queue.acknowledge(2);
        expect([queue.delivered, queue.inFlight, queue.backlog]).toEqual([2, 3, 3]);
        queue.rewind();
        expect(queue.inFlight).toBe(0);
        const [, second] = ReportDecisionsRequest.decode(queue.next()?.bytes ?? Buffer.alloc(0)).records;
        expect(second?.sequence).toBe(4);
        queue.acknowledge(99);
        expect([queue.acked, queue.delivered, queue.backlog, queue.memoryBytes]).toEqual([5, 5, 0, 0]);
      });
      it("takes no acknowledgement of what was never sent", () => {
        const queue = queueOf(1e9);
        queue.push(record("a"));
        queue.flush();
        queue.acknowledge(1);
        expect([queue.delivered, queue.backlog]).toEqual([0, 1]);
      });
      it("counts what finds no room, and says so in the chain once there is some", () => {
        const queue = queueOf(500);
        for (const id of names(0, 10)) queue.push(record(id, { grantId: "g" }));
        queue.flush();
        const chain = { sequence: 0, head: genesisHash("i") };
        const kept = drain(queue, chain);
        expect(kept).toEqual(names(0, kept.length));
        expect(queue.lost).toBe(10 - kept.length);
        queue.acknowledge(kept.length);
        queue.push(record("later"));
        queue.flush();
        expect(drain(queue, chain)).toEqual([`lost ${10 - kept.length}`, "later"]);
        expect(queue.unreportedLosses).toBe(0);
      });
      it("says that it has no room before a record is lost, however short they are", () => {
        const queue = queueOf(8e3);
        let pushed = 0;
        while (queue.hasRoomFor("call", 1) && pushed < 1e3)
          queue.push(record(`r${pushed += 1}`, { upstreamAddress: "a" }));
        expect(queue.hasRoomFor("call", 1)).toBe(false);
        queue.push(record("under-way", { grantId: "g" }));
        queue.flush();
        expect(queue.lost).toBe(0);
      });
      it("keeps room for every call that is under way, in memory and on disk", () => {
        for (const queue of [queueOf(5e5), queueOf(0, new Spool(join3(dir, "calls"), 5e5))]) {
          let pushed = 0;
          while (queue.hasRoomFor("call", 400)) {
            queue.push(record(`r${pushed += 1}`, { grantId: "g" }));
            if (pushed % 50 === 0) queue.flush();
          }
          expect(pushed).toBeGreaterThan(100);
          for (const id of names(0, 400)) queue.push(record(id, { grantId: "g", path: `/${"a".repeat(600)}` }));
          queue.flush();
          expect(queue.lost).toBe(0);
          expect(queue.hasRoomFor("call", 1)).toBe(true);
        }
      });
      it("leaves half of its room to calls, in memory and on disk", () => {
        for (const queue of [queueOf(8e3), queueOf(0, new Spool(join3(dir, "half"), 8e3))]) {
          for (const id of names(0, 500)) queue.push(record(id));
          queue.flush();
          const { lost } = queue;
          expect(queue.hasRoomFor("call", 1)).toBe(true);
          expect(lost).toBeGreaterThan(0);
          for (const id of names(0, 15)) queue.push(record(id, { grantId: "g" }));
          queue.flush();
          expect(queue.lost).toBe(lost);
        }
      });
      it("has room again once the disk takes writes again, though nothing was acknowledged", () => {
        let isFull = true;
        const write = (file, bytes) => {
          if (isFull) throw new Error("ENOSPC");
          return writeSync2(file, bytes);
        };
        const queue = queueOf(2e3, new Spool(join3(dir, "full"), 1e6, { write }));
        for (const id of names(0, 100)) queue.push(record(id, { grantId: "g" }));
        queue.flush();
        expect(queue.hasRoomFor("call", 1)).toBe(false);
        isFull = false;
        queue.push(record("refused"));
        queue.flush();
        expect(queue.hasRoomFor("call", 1)).toBe(true);
        const chain = { sequence: 0, head: genesisHash("i") };
        const sent = [];
        for (let ids = drain(queue, chain); ids.length > 0; ids = drain(queue, chain)) {
          sent.push(...ids);
          queue.acknowledge(chain.sequence);
        }
        const kept = sent.filter((id) => id.startsWith("r"));
        expect(sent).toEqual([...kept, `lost ${101 - kept.length}`]);
      });
      it("loses only the record that cannot be written", () => {
        const queue = queueOf(1e9);
        queue.push(record("a"));
        queue.push(record("bad", { durationUs: -1 }));
        queue.push(record("b"));
        queue.flush();
        expect(drain(queue)).toEqual(["lost 1", "a", "b"]);
        expect(queue.lost).toBe(1);
      });
      it("puts on disk what memory has no room for, and sends it in order", () => {
        const queue = queueOf(500, new Spool(join3(dir, "one"), 1e6));
        for (const id of names(0, 10)) queue.push(record(id));
        queue.flush();
        queue.push(record("r10"));
        queue.flush();
        expect(queue.lost).toBe(0);
        const chain = { sequence: 0, head: genesisHash("i") };
        const sent = [];
        for (let turn = 0; turn < 20 && queue.backlog > 0; turn += 1) {
          sent.push(...drain(queue, chain));
          queue.acknowledge(chain.sequence);
        }
        expect(sent).toEqual(names(0, 11));
        queue.close();
      });
      it("spills what is in memory once, and a later process goes on with it", () => {
        const queue = queueOf(1e9, new Spool(join3(dir, "one"), 1e6));
        for (const id of names(0, 300)) queue.push(record(id));
        queue.flush();
        expect(queue.spill()).toBe(true);
        for (const id of names(300, 310)) queue.push(record(id));
        queue.flush();
        expect(queue.spill()).toBe(true);
        queue.close();
        const spool = new Spool(join3(dir, "one"), 1e6);
        spool.load();
        const next = queueOf(0, spool);
        next.resume();
        expect(next.backlog).toBe(310);
        expect(drain(next)).toEqual([]);
        next.goOnAfter({ sequence: 0, hash: genesisHash("i") });
        expect(drain(next)).toEqual(names(0, 310));
        next.acknowledge(310);
        expect([next.backlog, spool.bytes]).toEqual([0, 0]);
        next.close();
      });
      it("reports each loss once", () => {
        const queue = queueOf(500);
        const chain = { sequence: 0, head: genesisHash("i") };
        const lost = [];
        for (let round = 0; round < 3; round += 1) {
          for (const id of names(0, 10 + round)) queue.push(record(id, { grantId: "g" }));
          queue.flush();
          lost.push(...drain(queue, chain).filter((id) => id.startsWith("lost")));
          queue.acknowledge(chain.sequence);
        }
        queue.flush();
        lost.push(...drain(queue, chain));
        const counts = lost.map((text) => Number(text.slice("lost ".length)));
        expect(counts).toHaveLength(3);
        expect(counts.reduce((sum, count) => sum + count)).toBe(queue.lost);
      });
      it("has batches of 256 records, and of a quarter of a mebibyte", () => {
        const queue = queueOf(1e9);
        for (const id of names(0, 600)) queue.push(record(id));
        queue.flush();
        for (const id of names(0, 5)) queue.push(record(id, { path: `/${"x".repeat(1e5)}` }));
        queue.flush();
        const sizes = [];
        for (let batch = queue.next(); batch !== void 0; batch = queue.next()) sizes.push(batch.size);
        expect(sizes).toEqual([256, 256, 88, 3, 2]);
      });
      it("adds to the disk what comes while there is something on it, though memory has room again", () => {
        const queue = queueOf(1e3, new Spool(join3(dir, "one"), 1e6));
        for (const id of names(0, 20)) queue.push(record(id));
        queue.flush();
        const chain = { sequence: 0, head: genesisHash("i") };
        const sent = drain(queue, chain);
        queue.acknowledge(chain.sequence);
        expect(queue.memoryBytes).toBe(0);
        queue.push(record("r20"));
        queue.flush();
        for (let ids = drain(queue, chain); ids.length > 0; ids = drain(queue, chain)) {
          sent.push(...ids);
          queue.acknowledge(chain.sequence);
        }
        expect(sent).toEqual(names(0, 21));
      });
      it("puts nothing on disk twice, and frees it for the next process", () => {
        const spool = new Spool(join3(dir, "one"), 1e6);
        const queue = queueOf(0, spool);
        for (const id of names(0, 5)) queue.push(record(id));
        queue.flush();
        const { bytes } = spool;
        expect(drain(queue)).toEqual(names(0, 5));
        expect([queue.spill(), spool.bytes]).toEqual([true, bytes]);
        utimesSync2(join3(dir, "one"), 0, 0);
        queue.touch();
        expect(statSync3(join3(dir, "one")).mtimeMs).toBeGreaterThan(0);
        queue.close();
        expect(statSync3(join3(dir, "one")).mtimeMs).toBe(0);
        const none = queueOf(1e9);
        none.push(record("a"));
        none.flush();
        expect(none.spill()).toBe(false);
      });
      it("that goes on with what another left adds nothing to it, and is new where nothing was left", () => {
        const queue = queueOf(0, new Spool(join3(dir, "one"), 1e6));
        for (const id of names(0, 3)) queue.push(record(id));
        queue.flush();
        queue.close();
        const spool = new Spool(join3(dir, "one"), 1e6);
        spool.load();
        const next = queueOf(1e9, spool);
        next.resume();
        next.goOnAfter({ sequence: 0, hash: genesisHash("i") });
        next.push(record("mine"));
        next.flush();
        expect(drain(next)).toEqual(names(0, 3));
        next.acknowledge(3);
        expect([drain(next), next.backlog]).toEqual([[], 1]);
        const fresh = queueOf(1e9, new Spool(join3(dir, "two"), 1e6));
        fresh.resume();
        expect(fresh.backlog).toBe(0);
        fresh.push(record("a"));
        fresh.flush();
        expect(drain(fresh)).toEqual(["a"]);
      });
    });
  }
});

// <stdin>
import { begin, run } from "/tmp/mutants/shim.mjs";
globalThis.__suite = begin();
await Promise.resolve().then(() => (init_record_queue_test(), record_queue_test_exports));
var suite = globalThis.__suite;
export {
  run,
  suite
};
