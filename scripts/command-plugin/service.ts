import { type handleUnaryCall, status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { PluginAttach, PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { inputOf, isReplacing, type Kind } from "./difference";
import type { Engine } from "./engine";
import { messageOf } from "./errors";
import { type CommandProvider, refuse, VERSION } from "./provider";
import { type Values, withoutNulls } from "./values";

const { PropertyDiff, DiffResponse } = rpc;

/** Pulumi's provider protocol, both ways between its messages and plain values. What isn't here answers "unimplemented". */
export function providerService(engine: Engine, provider: CommandProvider): UntypedServiceImplementation {
  return {
    attach: unary((request: PluginAttach) => {
      engine.attach(request.getAddress());
      return new Empty();
    }),
    getPluginInfo: unary(() => new PluginInfo().setVersion(VERSION)),
    getSchema: unary(() =>
      new rpc.GetSchemaResponse().setSchema(JSON.stringify({ name: "command", version: VERSION })),
    ),
    cancel: unary(() => {
      provider.cancel();
      return new Empty();
    }),
    checkConfig: unary((request: rpc.CheckRequest) => new rpc.CheckResponse().setInputs(request.getNews())),
    configure: unary(() =>
      new rpc.ConfigureResponse()
        .setAcceptsecrets(true)
        .setSupportspreview(true)
        .setAcceptresources(true)
        .setAcceptoutputs(true),
    ),
    invoke: unary((request: rpc.InvokeRequest) => refuse(request.getTok())),
    call: unary((request: rpc.CallRequest) => refuse(request.getTok())),
    construct: unary((request: rpc.ConstructRequest) => refuse(request.getType())),
    check: unary((request: rpc.CheckRequest) => {
      const { inputs, problems } = provider.check(request.getUrn(), valuesOf(request.getNews()));
      // Without a property: the engine would print that property's value, a private key perhaps.
      const failures = problems.map((reason) => new rpc.CheckFailure().setReason(reason));
      return new rpc.CheckResponse().setInputs(structOf(inputs)).setFailuresList(failures);
    }),
    diff: unary((request: rpc.DiffRequest) => {
      const [oldInputs, state] = [valuesOf(request.getOldInputs()), valuesOf(request.getOlds())];
      const differences = provider.diff(
        oldInputs,
        state,
        valuesOf(request.getNews()),
        request.getIgnorechangesList(),
      );
      const response = new DiffResponse()
        .setHasdetaileddiff(true)
        .setChanges(
          differences.length ? DiffResponse.DiffChanges.DIFF_SOME : DiffResponse.DiffChanges.DIFF_NONE,
        )
        .setDiffsList([...new Set(differences.map(inputOf))])
        .setReplacesList(differences.filter(isReplacing).map(inputOf));
      for (const difference of differences) {
        const kind = (isReplacing(difference) ? REPLACES : UPDATES)[difference.kind];
        response.getDetaileddiffMap().set(difference.path, new PropertyDiff().setKind(kind));
      }
      return response;
    }),
    create: unary(async (request: rpc.CreateRequest) => {
      const { id, state } = await provider.create(valuesOf(request.getProperties()), changeOf(request));
      return new rpc.CreateResponse().setId(id).setProperties(structOf(state));
    }),
    update: unary(async (request: rpc.UpdateRequest) => {
      const state = valuesOf(request.getOlds());
      const news = valuesOf(request.getNews());
      const updated = await provider.update(state, news, request.getIgnorechangesList(), changeOf(request));
      return new rpc.UpdateResponse().setProperties(structOf(updated));
    }),
    delete: unary(async (request: rpc.DeleteRequest) => {
      const change = { urn: request.getUrn(), isPreview: false, timeoutSeconds: request.getTimeout() };
      await provider.delete(valuesOf(request.getProperties()), change);
      return new Empty();
    }),
    // Nothing to look at: what a command did can't be read back, so a refresh finds the state as it is.
    read: unary((request: rpc.ReadRequest) =>
      new rpc.ReadResponse()
        .setId(request.getId())
        .setProperties(request.getProperties())
        .setInputs(request.getInputs()),
    ),
  };
}

const UPDATES: Readonly<Record<Kind, rpc.PropertyDiff.Kind>> = {
  add: PropertyDiff.Kind.ADD,
  delete: PropertyDiff.Kind.DELETE,
  update: PropertyDiff.Kind.UPDATE,
};
const REPLACES: Readonly<Record<Kind, rpc.PropertyDiff.Kind>> = {
  add: PropertyDiff.Kind.ADD_REPLACE,
  delete: PropertyDiff.Kind.DELETE_REPLACE,
  update: PropertyDiff.Kind.UPDATE_REPLACE,
};

function unary<Request, Response>(
  answer: (request: Request) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  return ({ request }, callback) => {
    void (async () => answer(request))().then(
      (response) => {
        callback(null, response);
      },
      (error: unknown) => {
        callback({ code: status.UNKNOWN, details: messageOf(error) });
      },
    );
  };
}

function changeOf(request: rpc.CreateRequest | rpc.UpdateRequest) {
  return { urn: request.getUrn(), isPreview: request.getPreview(), timeoutSeconds: request.getTimeout() };
}

function valuesOf(struct: Struct | undefined): Values {
  return withoutNulls(struct?.toJavaScript() ?? {}) as Values;
}

function structOf(values: Values): Struct {
  return Struct.fromJavaScript(values);
}
