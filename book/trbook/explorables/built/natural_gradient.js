/* trust-region-book, MIT. Sources: eb5a176e9e3e7afa. Holds modules of D3 (ISC licence):
Copyright 2010-2021 Mike Bostock
Copyright 2010-2022 Mike Bostock
Copyright 2010-2026 Mike Bostock
Copyright 2015-2026 Mike Bostock

Permission to use, copy, modify, and/or distribute this software for any purpose
with or without fee is hereby granted, provided that the above copyright notice
and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH
REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND
FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT,
INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS
OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER
TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF
THIS SOFTWARE.
*/
import{bench as T,binaryKl as P,calm as _,drawing as j,fail as D,join as v,linearScale as $,logSigmoid as x,number as i,sigmoid as w,stroke as H,textsAt as I}from"./common.js";var y=".trx .chance{stroke:var(--soft)}.trx .along,.trx .rise{fill:none;stroke-width:3.4;stroke-linecap:round;stroke-linejoin:round}.trx .rise{stroke-width:7;stroke-linecap:butt}.trx .along{stroke:var(--ink)}.trx .rise.middle{stroke:var(--a0)}.trx .rise.here{stroke:var(--bad)}.trx .name.middle{fill:var(--a0)}.trx .name.here{fill:var(--bad)}";var l=1,f=-.5,n=6,N=Array.from({length:121},(a,t)=>-n+t*n/60);function b(a){let[t,r]=[a,a+l].map(w);return{from:a,before:t,after:r,moved:r-t,kl:P(x(a),x(a+l))}}function V({theta1:a}){let[t,r]=[f,a].map(b),d=t.kl/r.kl;return d<2?_("Here the step moves the policy as far as in the middle",`Both move the probability of yes by about ${i(r.moved)}. Take the start to an edge: the step in θ stays 1.`):D(`The same step of the parameter, and a ${Number(d.toPrecision(2))} times smaller step of the policy`,`In the middle the probability of yes moves by ${i(t.moved)}, here by ${i(r.moved)}: ${i(t.kl)} nats and ${i(r.kl)}. A learning rate limits the first of the two distances.`)}function z(){let a=j(),t=a.panel(),r=t.clipped.append("path").attr("class","line chance"),d=t.inside.append("g"),A=t.inside.append("g"),E=t.inside.append("g");return{node:a.node,height:h=>h<480?260:330,draw({theta1:h},B,{width:k,height:g}){a.size(k,g);let m=t.place({width:k,height:g}),s=$([-n,n],[0,m.width],6),o=$([0,1],[m.height,0],5),p=[{...b(f),look:"middle",name:"in the middle"},{...b(h),look:"here",name:"here"}];t.scales(s,o),t.titles("parameter θ","probability of yes"),r.attr("d",H(N.map(e=>[s(e),o(w(e))]))),v(A,"path",p,{class:({look:e})=>`along ${e}`,d:({from:e,before:c})=>`M${s(e)},${o(c)}H${s(e+l)}m-6,-4l6,4l-6,4`}),v(d,"path",p,{class:({look:e})=>`rise ${e}`,d:({from:e,before:c,after:M})=>`M${s(e+l)},${o(c)}V${o(M)}`});let u=e=>e.from>0||e.look==="middle"&&h>f;I(E,"text.name",p.map(e=>({look:e.look,text:`${e.name}: ${i(e.moved)}`,x:u(e)?s(e.from)-8:s(e.from+l)+10,y:Math.min(o((e.before+e.after)/2)+5,m.height-8),anchor:u(e)?"end":"start"})),{class:({look:e})=>`name ${e}`})}}}var Y=T({name:"natural_gradient",title:"The same step of a parameter at two places",opener:!0,control:"theta1",style:y,settings:{theta1:{label:"θ",spoken:"where the step begins",rungs:Array.from({length:21},(a,t)=>t/2-5),low:-n,high:n,why:"the map ends there; beyond it a token is certain to a few thousandths."}},read:a=>({facts:[],verdict:V(a)}),board:z});export{Y as default};
